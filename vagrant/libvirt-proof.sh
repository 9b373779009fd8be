#!/usr/bin/env bash
# Proves the Vagrantfile with the libvirt provider: hosts are virtual machines with kernels of their own, made from a box
# that is made here. Run as root; takes about 5 minutes, 6 GiB of memory, 3 GB of disk for the time, and leaves nothing.
# The processor is emulated, because not every machine can lend its own; STARLING_LIBVIRT_DRIVER=kvm where it can.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=proof.sh
. "$(dirname "$0")/proof.sh"

programs=(qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils vagrant:vagrant libvirtd:libvirt-daemon-system
  virsh:libvirt-clients dnsmasq:dnsmasq-base iptables:iptables debootstrap:debootstrap sfdisk:fdisk
  grub-mkimage:grub2-common rsync:rsync ip:iproute2)

# The system that the box holds, from a Debian root.
make_system() {
  local root=$1 timer
  tar -xf "$2" -C "$root"
  install -D -t "$root/tmp/host" "$here"/docker/{host.sh,packages,vagrant.pub}
  # The modules that reach a virtual disk; a list, because what the builder's machine has means nothing here.
  printf 'virtio_pci\nvirtio_blk\nvirtio_net\n' >>"$root/etc/initramfs-tools/modules"
  sed -i 's/^MODULES=.*/MODULES=list/' "$root/etc/initramfs-tools/initramfs.conf"
  mount -t proc proc "$root/proc"
  chroot "$root" sh /tmp/host/host.sh
  chroot "$root" update-initramfs -u -k all
  umount "$root/proc"
  rm -rf "$root/tmp/host"
  printf '/dev/vda1 / ext4 noatime 0 1\n' >"$root/etc/fstab"
  printf 'host\n' >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
  printf 'auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet dhcp\n' >"$root/etc/network/interfaces"
  # An emulated processor takes minutes to start what others start in a second.
  install -d "$root/etc/systemd/system/starling.service.d"
  printf '[Service]\nTimeoutStartSec=600\n' >"$root/etc/systemd/system/starling.service.d/patience.conf"
  # Work that an emulated processor is too slow for.
  for timer in apt-daily apt-daily-upgrade e2scrub_all fstrim dpkg-db-backup; do
    ln -sf /dev/null "$root/etc/systemd/system/$timer.timer"
  done
}

# A disk that boots the system: GRUB before the one partition, which starts at 1 MiB.
make_disk() {
  local root=$1 disk=$2 grub=/usr/lib/grub/i386-pc
  install -D -t "$root/boot/grub/i386-pc" "$grub"/*.mod "$grub"/*.lst
  cat >"$root/boot/grub/grub.cfg" <<'GRUB'
serial --unit=0 --speed=115200
terminal_output serial
set root=(hd0,msdos1)
linux /vmlinuz root=/dev/vda1 rw console=ttyS0 net.ifnames=0 mitigations=off quiet
initrd /initrd.img
boot
GRUB
  truncate -s 3G "$disk"
  echo '2048,,L,*' | sfdisk --quiet "$disk"
  # Filled without mounting it: a loop device would outlive us.
  mke2fs -q -t ext4 -E offset=1048576 -d "$root" "$disk" 3071M
  grub-mkimage -O i386-pc -o "$disk.core" -p '(hd0,msdos1)/boot/grub' \
    biosdisk part_msdos ext2 linux serial terminal normal configfile boot
  dd if="$grub/boot.img" of="$disk" bs=440 count=1 conv=notrunc status=none
  dd if="$disk.core" of="$disk" bs=512 seek=1 conv=notrunc status=none
  # No waiting for a floppy's motor: the two bytes are a jump that boot.img takes for floppies.
  printf '\x90\x90' | dd of="$disk" bs=1 seek=102 conv=notrunc status=none
}

make_box() {
  local work=$scratch/box
  mkdir -p "$work/root"
  make_system "$work/root" "$1"
  make_disk "$work/root" "$work/disk"
  rm -rf "$work/root"
  qemu-img convert -O qcow2 "$work/disk" "$work/box.img"
  rm -f "$work/disk" "$work/disk.core"
  echo '{"provider": "libvirt", "format": "qcow2", "virtual_size": 3}' >"$work/metadata.json"
  : >"$work/Vagrantfile"
  tar -C "$work" -cf "$work/box.tar" metadata.json Vagrantfile box.img
  vagrant box add --force --name starling-proof "$work/box.tar"
  rm -rf "$work"
}

# All that libvirtd keeps is put on scratch folders, which only we see in these places.
start_libvirtd() {
  local folder
  for folder in /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
    mkdir -p "$scratch/libvirtd$folder"
    mount --bind "$scratch/libvirtd$folder" "$folder"
  done
  # The wall is what keeps machines in; and a log daemon less.
  cat >/etc/libvirt/qemu.conf <<'CONF'
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
CONF
  libvirtd >"$scratch/libvirtd.log" 2>&1 &
  until_holds 30 virsh --connect qemu:///system version ||
    fail "libvirtd does not answer: $(tail -n 20 "$scratch/libvirtd.log")"
}

inside() {
  furnish libvirt
  export STARLING_BOX=starling-proof STARLING_LIBVIRT_DRIVER=${STARLING_LIBVIRT_DRIVER:-qemu}
  [ "$STARLING_LIBVIRT_DRIVER" != qemu ] || export STARLING_PATIENCE=6
  # A function's failure must end it, which bash ignores wherever the result is asked for.
  (make_box "$1") >"$scratch/log" 2>&1 & wait $! || fail "no box: $(tail -n 20 "$scratch/log")"
  say "a box with Debian's own kernel"
  start_libvirtd
  say "libvirtd runs in its own network namespace"
  prove
  [ -z "$(virsh --connect qemu:///system list --all --name)" ] || fail "vagrant destroy left a machine"
}

if [ "${1-}" = inside ]; then
  inside "$2"
  exit
fi
require "${programs[@]}"
[ -e /usr/lib/grub/i386-pc/boot.img ] || fail "missing packages: apt-get install -y grub-pc-bin"
ruby -e 'gem "vagrant-libvirt"' 2>/dev/null || fail "missing packages: apt-get install -y vagrant-libvirt"
root=$("$here/debian-root.sh" bookworm "$here"/{docker,libvirt}/packages)
say "a Debian root with a kernel: $(basename "$root")"
enter_wall "$root"
say "libvirt proof passed"
