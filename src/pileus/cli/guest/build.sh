#!/bin/bash
# Builds the small guest as a qcow2 image from files of installed Debian packages. No mount, no loop device, no network;
# as root or under fakeroot. `pileus image build` calls it.
#
#   build.sh OUTPUT [--user NAME] [--password WORD] [--kernel VMLINUZ] [--modules DIR] [--parts DIR]
#
# Disk: MBR; partition 1 FAT with syslinux, kernel and initramfs; partition 2, the last, ext4 root, so that it can grow.
set -euo pipefail

fail() { echo "$*" >&2; exit 1; }

[ $# -ge 1 ] || fail "usage: build.sh OUTPUT [--user NAME] [--password WORD] [--kernel FILE] [--modules DIR] [--parts DIR]"
output=$1; shift
user=pileus password=pileus kernel='' modules='' parts=''
while [ $# -gt 1 ]; do
  case $1 in
    --user) user=$2 ;;
    --password) password=$2 ;;
    --kernel) kernel=$2 ;;
    --modules) modules=$2 ;;
    --parts) parts=$2 ;;
    *) fail "unknown option $1" ;;
  esac
  shift 2
done
[ $# -eq 0 ] || fail "option $1 lacks its value"
[[ $user =~ ^[a-z][a-z0-9_-]{0,30}$ ]] || fail "user name '$user' is not of the form a-z, then a-z 0-9 _ -"

BOOT_MIB=40 ROOT_MIB=72
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C

# --- what is needed ----------------------------------------------------------------------------------------------------

declare -A package=(
  [busybox]=busybox-static [dropbear]=dropbear-bin [dropbearkey]=dropbear-bin [jq]=jq [sudo]=sudo [resize2fs]=e2fsprogs
  [mke2fs]=e2fsprogs [syslinux]=syslinux [mcopy]=mtools [mkfs.vfat]=dosfstools [sfdisk]=fdisk [qemu-img]=qemu-utils
  [cpio]=cpio [zstd]=zstd [modprobe]=kmod
)
missing=''
for program in "${!package[@]}"; do
  command -v "$program" >/dev/null || missing="$missing ${package[$program]}"
done
[ -e /usr/lib/syslinux/mbr/mbr.bin ] || missing="$missing syslinux-common"
[ -z "$missing" ] || fail "missing Debian packages: $(echo "$missing" | xargs -n 1 | sort -u | xargs)"

# Debian's cloud kernel: the installed one, else the package's files, unpacked into a cache. Installing a kernel only to
# copy it would change how the user's own machine boots.
newest() { find "$1" -maxdepth 1 -name 'vmlinuz-*-cloud-*' 2>/dev/null | sort -V | tail -n 1; }
unpack_kernel() {
  local cache=$1 name
  command -v apt-get >/dev/null || fail "no cloud kernel in /boot and no apt-get to fetch one: give --kernel and --modules"
  name=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  [ -n "$name" ] || fail "apt knows no linux-image-cloud-amd64: run apt-get update, or give --kernel and --modules"
  rm -rf "$cache.new" && mkdir -p "$cache.new/tree"
  (cd "$cache.new" && apt-get -q -o APT::Sandbox::User=root download "$name" >&2 </dev/null) ||
    fail "apt-get could not download $name"
  dpkg-deb -x "$cache.new"/*.deb "$cache.new/tree"
  rm "$cache.new"/*.deb
  [ -e "$cache.new/tree/lib" ] || ln -s usr/lib "$cache.new/tree/lib"
  depmod -b "$cache.new/tree" "$(basename "$(newest "$cache.new/tree/boot")" | sed 's/^vmlinuz-//')"
  rm -rf "$cache" && mv "$cache.new" "$cache"
}
if [ -z "$kernel" ]; then
  kernel=$(newest /boot)
  if [ -z "$kernel" ] || [ ! -r "$kernel" ]; then
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/pileus/guest-kernel
    [ -n "$(newest "$cache/tree/boot")" ] || unpack_kernel "$cache"
    kernel=$(newest "$cache/tree/boot")
    [ -n "$modules" ] || modules=$cache/tree/lib/modules/${kernel##*/vmlinuz-}
  fi
fi
version=${kernel##*/vmlinuz-}
[ -n "$modules" ] || modules=/lib/modules/$version
[ -e "$modules/modules.dep" ] || fail "no modules of kernel $version in $modules (--modules DIR)"

work=$(mktemp -d "${TMPDIR:-/tmp}/pileus-guest.XXXXXX")
trap 'rm -rf "$work"' EXIT
initramfs=$work/initramfs root=$work/root boot=$work/boot
mkdir -p "$initramfs" "$root" "$boot"

# --- initramfs: busybox, modules in load order, one script -------------------------------------------------------------

mkdir -p "$initramfs"/{bin,dev,proc,sys,root,modules}
cp "$(command -v busybox)" "$initramfs/bin/busybox"
install -m 755 "$here/initramfs.sh" "$initramfs/init"

# modprobe wants the directory above lib/modules/VERSION
mkdir -p "$work/tree/lib/modules"
ln -s "$(realpath "$modules")" "$work/tree/lib/modules/$version"
for module in virtio_pci virtio_blk virtio_scsi virtio_net virtio_rng virtio_balloon virtio_console \
  sd_mod sr_mod ata_piix ahci isofs vfat nls_cp437 nls_ascii nls_iso8859-1 button evdev; do
  # drivers that are built in, or that this kernel does not have, give no line
  modprobe -d "$work/tree" -S "$version" --show-depends "$module" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p' || true
done | awk '!seen[$0]++' >"$work/modules"
grep -q virtio_blk "$work/modules" || [ ! -s "$work/modules" ] || grep -q virtio_blk "$modules/modules.builtin" ||
  fail "kernel $version has no virtio_blk"
while read -r file; do
  name=$(basename "${file%%.ko*}").ko
  case $file in
    *.xz) xz -dc "$file" ;;
    *.zst) zstd -qdc "$file" ;;
    *) cat "$file" ;;
  esac >"$initramfs/modules/$name"
  echo "$name"
done <"$work/modules" >"$initramfs/modules/order"
(cd "$initramfs" && find . -mindepth 1 | sort | cpio --quiet -R 0:0 -o -H newc) | zstd -q -19 >"$boot/initrd"
cp "$kernel" "$boot/kernel"

# --- root file system --------------------------------------------------------------------------------------------------

with_libraries() { # PROGRAM PATH_IN_GUEST
  local library
  rm -f "$root/$2"
  install -D -m 755 "$1" "$root/$2"
  # `ldd` says nothing useful of a plug-in without libraries
  { ldd "$1" 2>/dev/null || true; } | grep -o '/[^ )]*' | while read -r library; do
    [ -e "$root$library" ] || install -D -m 755 "$(realpath "$library")" "$root$library"
  done
}

# /bin, /sbin and /lib lead into /usr, as in Debian: libpam looks for its plug-ins in the one, packages put them in the other
mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root/"
mkdir -p "$root"/{dev,proc,sys,run,mnt,root,tmp,etc/dropbear,etc/acpi/PWRF,etc/pam.d}
mkdir -p "$root"/{etc/sudoers.d,var/log,var/lib/cloud,var/empty} "$root/home/$user/.ssh"
ln -s ../run "$root/var/run"
cp "$(command -v busybox)" "$root/bin/busybox"
busybox --list-full | while read -r applet; do
  case $applet in
    bin/busybox | linuxrc | *dpkg* | *rpm*) ;;
    *) mkdir -p "$root/$(dirname "$applet")"; [ -e "$root/$applet" ] || ln -s /bin/busybox "$root/$applet" ;;
  esac
done
with_libraries "$(command -v dropbear)" usr/sbin/dropbear
with_libraries "$(command -v dropbearkey)" usr/bin/dropbearkey
with_libraries "$(command -v jq)" usr/bin/jq
with_libraries "$(command -v resize2fs)" usr/sbin/resize2fs
with_libraries "$(command -v sudo)" usr/bin/sudo
for plugin in /usr/libexec/sudo/sudoers.so /usr/lib/sudo/sudoers.so; do
  [ ! -e $plugin ] || with_libraries $plugin $plugin
done
for plugin in /usr/lib/*/security/pam_permit.so /lib/*/security/pam_permit.so; do
  if [ -e "$plugin" ]; then with_libraries "$plugin" "$plugin"; break; fi
done

install -m 755 "$here/boot.sh" "$root/etc/rc"
install -m 755 "$here/cloud.sh" "$root/sbin/cloud"
install -m 755 "$here/dhcp.sh" "$root/etc/dhcp"
cat >"$root/etc/inittab" <<'END'
::sysinit:/etc/rc
ttyS0::respawn:/sbin/getty -L ttyS0 115200 vt100
tty1::respawn:/sbin/getty 38400 tty1
::ctrlaltdel:/sbin/reboot
::shutdown:/bin/sync
::shutdown:/bin/umount -a -r
END
printf '#!/bin/sh\nexec /sbin/poweroff\n' | tee "$root/etc/acpi/PWRF/00000080" >"$root/etc/acpi/power"
chmod 755 "$root/etc/acpi/PWRF/00000080" "$root/etc/acpi/power"

hash=$(printf %s "$password" | busybox mkpasswd -m sha512 -P 0)
cat >"$root/etc/passwd" <<END
root:x:0:0:root:/root:/bin/sh
$user:x:1000:1000::/home/$user:/bin/sh
END
printf 'root:*:19700:0:99999:7:::\n%s:%s:19700:0:99999:7:::\n' "$user" "$hash" >"$root/etc/shadow"
printf 'root:x:0:\ntty:x:5:\n%s:x:1000:\n' "$user" >"$root/etc/group"
printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
cat >"$root/etc/sudoers" <<END
Defaults secure_path="/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
$user ALL=(ALL:ALL) NOPASSWD: ALL
@includedir /etc/sudoers.d
END
for service in sudo other; do
  printf '%s required pam_permit.so\n' auth account password session >"$root/etc/pam.d/$service"
done
echo guest >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
echo /bin/sh >"$root/etc/shells"
echo 'export PATH=/usr/sbin:/usr/bin:/sbin:/bin' >"$root/etc/profile"
printf 'GUEST_USER=%s\n' "$user" >"$root/etc/guest.conf"
printf 'NAME="Pileus guest"\nID=pileus-guest\nVERSION_ID=1\n' >"$root/etc/os-release"
printf 'Pileus guest \\n, kernel \\r. Log in as %s, by ssh with your key; sudo makes you root.\n' "$user" >"$root/etc/issue"

chmod 1777 "$root/tmp"
chmod 700 "$root/root" "$root/home/$user" "$root/home/$user/.ssh"
chmod 600 "$root/etc/shadow"
chmod 440 "$root/etc/sudoers"
chown -R 0:0 "$root"
chown -R 1000:1000 "$root/home/$user"
chmod 4755 "$root/usr/bin/sudo"

# --- disk --------------------------------------------------------------------------------------------------------------

# The features by name, so that any kernel of the last ten years mounts it and every build is alike. `resize` leaves
# room in the group descriptors to grow while mounted.
mke2fs -q -t ext4 -L guestroot -m 0 -d "$root" -J size=4 -E resize=268435456,lazy_itable_init=0,lazy_journal_init=0 \
  -O none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,flex_bg,sparse_super,large_file,extra_isize \
  "$work/root.raw" ${ROOT_MIB}M >/dev/null

cat >"$boot/syslinux.cfg" <<'END'
SERIAL 0 115200
PROMPT 0
TIMEOUT 1
DEFAULT guest
LABEL guest
  KERNEL /kernel
  INITRD /initrd
  APPEND root=LABEL=guestroot console=tty0 console=ttyS0,115200 net.ifnames=0 panic=10 loglevel=4 tsc=unstable no_timer_check
END
truncate -s ${BOOT_MIB}M "$work/boot.raw"
mkfs.vfat -n GUESTBOOT "$work/boot.raw" >/dev/null
mcopy -i "$work/boot.raw" "$boot/kernel" "$boot/initrd" "$boot/syslinux.cfg" ::/
syslinux --install "$work/boot.raw"
efi=/usr/lib/SYSLINUX.EFI/efi64/syslinux.efi loader=/usr/lib/syslinux/modules/efi64/ldlinux.e64
if [ -e $efi ] && [ -e $loader ]; then
  mmd -i "$work/boot.raw" ::/EFI ::/EFI/BOOT
  mcopy -i "$work/boot.raw" $efi ::/EFI/BOOT/BOOTX64.EFI
  mcopy -i "$work/boot.raw" $loader ::/EFI/BOOT/ldlinux.e64
  mcopy -i "$work/boot.raw" "$boot/syslinux.cfg" ::/EFI/BOOT/syslinux.cfg
fi

truncate -s $((1 + BOOT_MIB + ROOT_MIB))M "$work/disk.raw"
sfdisk -q "$work/disk.raw" <<END
label: dos
start=1MiB, size=${BOOT_MIB}MiB, type=ef, bootable
start=$((1 + BOOT_MIB))MiB, size=${ROOT_MIB}MiB, type=83
END
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$work/disk.raw" bs=440 count=1 conv=notrunc status=none
dd if="$work/boot.raw" of="$work/disk.raw" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/root.raw" of="$work/disk.raw" bs=1M seek=$((1 + BOOT_MIB)) conv=notrunc,sparse status=none
qemu-img convert -c -f raw -O qcow2 "$work/disk.raw" "$output"

if [ -n "$parts" ]; then
  mkdir -p "$parts"
  cp "$boot/kernel" "$boot/initrd" "$parts/"
  cp --sparse=always "$work/root.raw" "$parts/root.raw"
fi
