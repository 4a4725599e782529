#!/bin/sh
# udhcpc calls this with what DHCP said in its environment.
# shellcheck disable=SC2154
configure() {
  ip -4 addr show dev "$interface" | grep -q "inet $ip/$mask " || {
    ip -4 addr flush dev "$interface"
    ip addr add "$ip/$mask" brd + dev "$interface"
  }
  [ -z "$mtu" ] || ip link set dev "$interface" mtu "$mtu"
  if [ -n "$staticroutes" ]; then # RFC 3442: with classless routes the router option does not count
    set -- $staticroutes
    while [ $# -gt 1 ]; do
      case $2 in
        0.0.0.0) ip route replace "$1" dev "$interface" ;;
        *) ip route replace "$1" via "$2" dev "$interface" ;;
      esac
      shift 2
    done
  elif [ -n "$router" ]; then
    ip route replace default via "${router%% *}" dev "$interface"
  fi
  [ "$interface" = eth0 ] || return 0
  {
    [ -z "$search$domain" ] || echo "search ${search:-$domain}"
    for server in $dns; do echo "nameserver $server"; done
  } >/etc/resolv.conf
}
case $1 in
  deconfig) ip link set dev "$interface" up ;;
  bound | renew) configure ;;
esac
exit 0
