#!/usr/bin/env bash
# mkosi 25 as a peer in the benchmark: it lives in a Debian 13 tree, because build hosts may be
# older, and makes a bootable BIOS + UEFI disk from the packages named.
#
#   mkosi.sh prepare TREE MIRROR SECURITY_MIRROR PACKAGE…   make the tree and the configuration
#   mkosi.sh build TREE                                     one full build; the .debs stay cached
set -euo pipefail

prepare() {
	local tree=$1 mirror=$2 security=$3
	shift 3
	if [ ! -e "$tree/usr/bin/mkosi" ]; then
		mmdebstrap --quiet --variant=apt \
			--include=mkosi,systemd-repart,systemd-boot,dosfstools,e2fsprogs,mtools,grub-pc-bin,grub-common \
			--include=debian-archive-keyring,ca-certificates,gpgv,python3,cpio,zstd,xz-utils,kmod,bubblewrap,systemd,udev,uidmap \
			trixie "$tree" "$mirror"
	fi
	mkdir -p "$tree"/{bench/mkosi.sandbox/etc/apt/sources.list.d,workspace,packages,output}
	cat >"$tree/bench/mkosi.conf" <<-EOF
		[Distribution]
		Distribution=debian
		Release=trixie
		Mirror=$mirror
		[Output]
		Format=disk
		Output=bench
		OutputDirectory=/output
		[Build]
		PackageCacheDirectory=/packages
		WorkspaceDirectory=/workspace
		[Content]
		Bootable=yes
		Bootloader=grub
		BiosBootloader=grub
		WithRecommends=no
		Packages=$(
			IFS=,
			echo "$*"
		)
	EOF
	# Its own sources file keeps mkosi from adding archives that a mirror may not carry.
	cat >"$tree/bench/mkosi.sandbox/etc/apt/sources.list.d/mkosi.sources" <<-EOF
		Types: deb
		URIs: $mirror
		Suites: trixie trixie-updates
		Components: main
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

		Types: deb
		URIs: $security
		Suites: trixie-security
		Components: main
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	EOF
}

# mkosi wants a real mount point as its root directory; all mounts end with this process.
build() {
	local tree
	tree=$(realpath "$1")
	# shellcheck disable=SC2016 # expands in the inner shell
	exec unshare --mount --propagation private bash -euc '
		mount --bind "$1" "$1"
		cd "$1"
		mount -t proc proc proc
		mount --rbind /dev dev
		mount --rbind /sys sys
		mount -t tmpfs tmpfs run
		cp /etc/resolv.conf /etc/hosts etc/
		pivot_root . mnt
		cd /bench
		umount -l /mnt
		exec mkosi --force build
	' build "$tree"
}

"$@"
