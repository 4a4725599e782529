#!/bin/sh
# What a guest of a cloud does at boot: addresses, metadata (config drive, else HTTP), name, keys, password, ssh, user-data.
# Every step says on the console when it was done.
# shellcheck source=/dev/null
. /etc/profile
# shellcheck source=/dev/null
. /etc/guest.conf
DATA=/run/cloud
URL=http://169.254.169.254/openstack/latest
mkdir -p $DATA
say() { echo "guest: $* [$(cut -d' ' -f1 /proc/uptime) s]" >/dev/console; }
meta() { jq -r "$1 // empty" $DATA/meta_data.json 2>/dev/null; }

lease() { # INTERFACE: true when DHCP has answered; goes on renewing in the background
  ip link set dev "$1" up
  udhcpc -i "$1" -s /etc/dhcp -n -q -t 15 -T 1 -x "hostname:$(hostname)" -O staticroutes -O mtu -O search >/dev/null 2>&1 || return 1
  udhcpc -i "$1" -s /etc/dhcp -b -S -x "hostname:$(hostname)" -O staticroutes -O mtu -O search >/dev/null 2>&1 &
}

from_drive() {
  drive=$(findfs LABEL=config-2 2>/dev/null || findfs LABEL=CONFIG-2 2>/dev/null) || return 1
  mount -o ro "$drive" /mnt 2>/dev/null || return 1
  cp /mnt/openstack/latest/* $DATA/ 2>/dev/null
  umount /mnt
  [ -s $DATA/meta_data.json ]
}

from_http() {
  tries=0
  while [ $tries -lt 12 ]; do
    # busybox's `wget -T` crashes in some versions, so `timeout` limits it
    if timeout 10 wget -q -O $DATA/meta_data.json $URL/meta_data.json 2>/dev/null; then
      timeout 10 wget -q -O $DATA/user_data $URL/user_data 2>/dev/null || rm -f $DATA/user_data
      return 0
    fi
    tries=$((tries + 1))
    sleep 1
  done
  rm -f $DATA/meta_data.json
  return 1
}

take_name() {
  name=$(meta .hostname)
  [ -n "$name" ] || return
  echo "${name%%.*}" >/etc/hostname
  hostname -F /etc/hostname
  grep -q " $name " /etc/hosts || echo "127.0.1.1 $name ${name%%.*} " >>/etc/hosts
}

take_keys() {
  file=/home/$GUEST_USER/.ssh/authorized_keys
  touch "$file"
  meta '.public_keys // {} | .[]' | while read -r key; do
    [ -z "$key" ] || grep -qxF "$key" "$file" || echo "$key" >>"$file"
  done
  chmod 600 "$file"
  chown -R "$GUEST_USER:$GUEST_USER" "/home/$GUEST_USER/.ssh"
}

take_password() {
  word=$(meta .admin_pass)
  [ -n "$word" ] || return
  hash=$(printf %s "$word" | mkpasswd -m sha512 -P 0)
  awk -F: -v OFS=: -v user="$GUEST_USER" -v hash="$hash" '$1 == user { $2 = hash } { print }' /etc/shadow >/etc/shadow.new
  chmod 600 /etc/shadow.new
  mv /etc/shadow.new /etc/shadow
}

run_user_data() { # once for each instance, in whatever boot
  id=$(meta .uuid)
  [ -s $DATA/user_data ] && [ "$(cat /var/lib/cloud/instance 2>/dev/null)" != "${id:-none}" ] || return
  echo "${id:-none}" >/var/lib/cloud/instance
  if [ "$(head -c 2 $DATA/user_data)" != '#!' ]; then
    say "user-data is no script: not run"
    return
  fi
  cp $DATA/user_data /var/lib/cloud/user-data
  chmod 700 /var/lib/cloud/user-data
  /var/lib/cloud/user-data >/var/log/user-data 2>&1
  say "user-data ended with $?"
}

from_drive && source="config drive" || source=
for link in /sys/class/net/eth*; do
  card=${link##*/}
  [ -e "$link" ] || continue
  if [ "$card" = eth0 ]; then
    if lease eth0; then say "eth0 has $(ip -4 -o addr show dev eth0 | awk '{ print $4; exit }')"; else say "eth0: nobody answers DHCP"; fi
  else
    lease "$card" &
  fi
done
[ -n "$source" ] || { from_http && source=$URL; }
if [ -n "$source" ]; then
  take_name
  take_keys
  take_password
  say "metadata from $source: instance $(meta .uuid), name $(hostname)"
else
  say "no metadata, neither on a config drive nor at $URL"
fi
# -R makes host keys when first needed; -s: keys only; -j -k: no forwarding through the guest
dropbear -R -s -j -k && say "ssh is ready"
run_user_data
say "all done"
