#!/bin/sh
# sysinit of the guest: what must stand before anybody logs in. The rest (network, metadata, ssh) is /sbin/cloud.
# shellcheck source=/dev/null
. /etc/profile
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620 none /dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev none /dev/shm
mount -t tmpfs -o mode=755 none /run
dmesg -n 1
echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range
hostname -F /etc/hostname
ip link set lo up
syslogd
klogd
acpid
root=$(findfs LABEL=guestroot) && resize2fs "$root" >/var/log/resize2fs 2>&1
echo "guest: kernel $(uname -r), $(df -m / | awk 'END { print $2 }') MiB of disk" >/dev/console
setsid /sbin/cloud >/var/log/cloud 2>&1 </dev/null &
