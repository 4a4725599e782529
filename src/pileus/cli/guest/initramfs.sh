#!/bin/busybox sh
# First program of the guest: finds the root by its label, lets its partition fill the disk, goes on there.
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev

wanted=LABEL=guestroot
for word in $(cat /proc/cmdline); do
  case $word in root=*) wanted=${word#root=} ;; esac
done
while read -r module; do insmod "/modules/$module" 2>/dev/null; done </modules/order

device=
tries=0
while [ -z "$device" ] && [ $tries -lt 100 ]; do
  case $wanted in
    LABEL=* | UUID=*) device=$(findfs "$wanted" 2>/dev/null) ;;
    *) [ -b "$wanted" ] && device=$wanted ;;
  esac
  [ -n "$device" ] || sleep 0.1
  tries=$((tries + 1))
done
if [ -z "$device" ]; then
  echo "guest: there is no root $wanted" >/dev/console
  exec sh
fi

# The root is the last partition: its number of sectors stands in the MBR, 4 bytes, the lowest first.
grow() {
  part=/sys/class/block/${device##*/}
  [ -f "$part/partition" ] || return
  disk=$(readlink -f "$part/..")
  start=$(cat "$part/start")
  room=$(($(cat "$disk/size") - start))
  [ $room -gt $(($(cat "$part/size") + 2048)) ] || return
  [ $room -le 4294967295 ] || room=4294967295
  bytes=
  for shift in 0 8 16 24; do bytes="$bytes$(printf '\\x%02x' $((room >> shift & 255)))"; done
  offset=$((446 + 16 * ($(cat "$part/partition") - 1) + 12))
  printf "$bytes" | dd of="/dev/${disk##*/}" bs=1 seek=$offset conv=notrunc 2>/dev/null
  sync
  blockdev --rereadpt "/dev/${disk##*/}"
  tries=0
  while [ ! -b "$device" ] && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
}
grow

mount -t ext4 -o rw,noatime "$device" /root || exec sh
for place in dev proc sys; do mount --move /$place /root/$place; done
exec switch_root /root /sbin/init
