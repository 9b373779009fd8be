#!/bin/sh
# Makes the Debian system in which it runs a host as Vagrant expects one: sshd, and a user vagrant who may become root.
# Lies beside `packages` and `vagrant.pub`; runs while an image is built.
set -eu
cd "$(dirname "$0")"

apt-get -qq update
xargs apt-get -qq install -y --no-install-recommends <packages
rm -rf /var/lib/apt/lists/*

useradd --create-home --shell /bin/bash vagrant
echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/vagrant
# A key that everybody knows. Vagrant replaces it by one of its own when it first comes in.
install -d -m 700 -o vagrant -g vagrant /home/vagrant/.ssh
install -m 600 -o vagrant -g vagrant vagrant.pub /home/vagrant/.ssh/authorized_keys

# Hosts made from one image must not share what identifies a host. With one machine-id, systemd gives their bridges and
# VXLAN devices the same MACs; with one host key, each can pose as the other.
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /etc/ssh/ssh_host_*
install -d /etc/systemd/system/ssh.service.d
cat >/etc/systemd/system/ssh.service.d/host-keys.conf <<'UNIT'
[Service]
ExecStartPre=
ExecStartPre=/usr/bin/ssh-keygen -A
ExecStartPre=/usr/sbin/sshd -t
UNIT
