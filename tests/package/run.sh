#!/bin/bash
# SPDX-License-Identifier: ISC
# The life of the Debian package on a fresh Debian: a debootstrap, in which systemd is started
# with namespaces of its own, and where tests/package/life.sh then looks.
#
#   tests/package/run.sh PACKAGE.deb FOLDER
#
# The suite is this machine's, and so is the mirror. The folder may be kept: the debootstrap in
# it is used again. What is mounted is mounted in a namespace, and is gone with it.
#
# A line for each promise: "ok ...", "not ok ..." or "skip ...". Exit status 1 if one failed.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
package=$(realpath "$1")
mkdir -p "$2" && work=$(cd "$2" && pwd) || exit
root=$work/root
base=$work/base.tar
group=fcgiwait-test.$$
machine=                # unshare's process; with it everything in there ends

skip() {
    echo "skip the package's life: $*"
    exit 0
}

fail() {
    echo "not ok $*"
    exit 1
}

# In a mount namespace of its own.
apart() {
    unshare --mount --propagation private -- "$@"
}

clean_up() {
    [ -z "$machine" ] || {
        kill -KILL "$machine" && wait "$machine"
    } 2>/dev/null
    remove_group
    rm -rf "$root"
}

# --- what this machine has to be able to ---

look_around() {
    [ "$(id -u)" = 0 ] || skip 'a debootstrap needs root'
    command -v debootstrap >/dev/null || skip 'there is no debootstrap here'
    suite=$(. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME") ||
        skip 'this is no Debian'
    unshare --mount --pid --cgroup --uts --ipc --net --fork true 2>/dev/null ||
        skip 'namespaces can not be made here'
    mkdir -p "$root/try" && apart mount -t proc proc "$root/try" 2>/dev/null ||
        skip 'nothing can be mounted here'
    mknod "$root/null" c 1 3 && echo >"$root/null" || skip 'devices can not be made here'
    apart sh -c 'mount -t cgroup2 cgroup2 "$1" && mkdir "$1/$2" && rmdir "$1/$2"' sh "$root/try" \
        "$group" 2>/dev/null || skip 'there is no cgroup2 to make groups in'
}

# URI SUITE COMPONENT, as apt on this machine knows them.
sources() {
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' \
        'Origin: Debian' | sort -u
}

find_mirror() {
    mirror=$(sources | awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }')
    [ -n "$mirror" ] || skip "apt knows no mirror of $suite here (apt-get update?)"
    local proxy
    proxy=$(apt-config dump --format '%v%n' Acquire::http::Proxy)
    [ -z "$proxy" ] || export http_proxy=$proxy
}

# --- the machine ---

# A mirror that fails once may be well again soon.
again() {
    local pause
    for pause in 5 20; do
        ! "$@" || return 0
        sleep "$pause"
    done
    "$@"
}

make_base() {
    rm -rf "$root"
    debootstrap --variant=minbase "$suite" "$root" "$mirror" || return
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
    sources | awk -v suite="$suite" 'index($2, suite) == 1 { print "deb", $1, $2, $3 }' \
        >"$root/etc/apt/sources.list"
    apt-config dump | grep '^Acquire::\(http\|Check\)' >"$root/etc/apt/apt.conf.d/90test"
    cp /etc/resolv.conf "$root/etc/"
    # nginx is not to serve by itself.
    mkdir -p "$root/etc/systemd/system"
    ln -s /dev/null "$root/etc/systemd/system/nginx.service"
    in_root 'apt-get -q update && apt-get -qy --no-install-recommends install \
        systemd-sysv nginx curl' || return
    tar -C "$root" -cf "$base.new" . && mv "$base.new" "$base"
}

in_root() {
    # shellcheck disable=SC2016
    apart sh -c 'mount -t proc proc "$1/proc" && exec chroot "$1" env -i LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin http_proxy="$3" \
        sh -c "$2"' sh "$root" "$1" "${http_proxy:-}"
}

# What the package needs is fetched now: later there is no network.
make_root() {
    rm -rf "$root"
    mkdir -p "$root"
    if [ -e "$base" ]; then tar -C "$root" -xf "$base"; else again make_base; fi || return
    cp "$package" "$root/root/fcgiwait.deb"
    cp "$here/life.sh" "$root/root/"
    again in_root 'apt-get -q update && apt-get -qy --no-install-recommends --download-only \
        install /root/fcgiwait.deb' || return
    make_next "$root/root/next.deb"
}

# The next version: the same program, a higher number, and another word in its configuration.
make_next() {
    local dir=$work/next
    rm -rf "$dir"
    dpkg-deb -R "$package" "$dir" || return
    sed -i 's/^Version: .*/&+next/' "$dir/DEBIAN/control"
    echo '# The next version.' >>"$dir/etc/fcgiwait/fcgiwait.conf"
    dpkg-deb --root-owner-group -b "$dir" "$1"
}

# Run by boot, within the namespaces: systemd in the root, as in any container.
start_systemd() {
    set -eu
    mount --bind "$root" "$root"
    cd "$root"
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    mount -t tmpfs -o mode=755 tmpfs run
    mount -t tmpfs -o mode=755 tmpfs dev
    mknod -m 666 dev/null c 1 3
    mknod -m 666 dev/zero c 1 5
    mknod -m 666 dev/full c 1 7
    mknod -m 666 dev/random c 1 8
    mknod -m 666 dev/urandom c 1 9
    mknod -m 666 dev/tty c 5 0
    mkdir dev/shm dev/pts
    mount -t tmpfs tmpfs dev/shm
    mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    mount -t tmpfs tmpfs sys/fs/cgroup
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mkdir old
    pivot_root . old
    umount -l /old
    exec env -i container=test /lib/systemd/systemd --system --unit=multi-user.target </dev/null
}

# Its cgroup comes first: the namespace begins where the process is.
join_group() {
    mkdir -p "$work/cgroup"
    apart sh -c 'mount -t cgroup2 cgroup2 "$1" && mkdir "$1/$2" && echo "$3" >"$1/$2/cgroup.procs"' \
        sh "$work/cgroup" "$group" "$BASHPID"
}

remove_group() {
    local _
    for _ in {1..200}; do
        apart sh -c 'mount -t cgroup2 cgroup2 "$1" && [ -d "$1/$2" ] || exit 0
            find "$1/$2" -depth -type d -exec rmdir {} \; && ! [ -d "$1/$2" ]' \
            sh "$work/cgroup" "$group" 2>/dev/null && return
        sleep 0.1
    done
}

boot() {
    (
        join_group || exit
        export root
        exec unshare --mount --propagation private --pid --cgroup --uts --ipc --net --fork \
            --kill-child -- bash -c "$(declare -f start_systemd); start_systemd"
    ) >"$work/boot.log" 2>&1 &
    machine=$!
    local _
    for _ in {1..600}; do
        first=$(pgrep -P "$machine") &&
            inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' && return
        kill -0 "$machine" 2>/dev/null || break
        sleep 0.1
    done
    return 1
}

inside() {
    nsenter -t "$first" --all -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
look_around
find_mirror
make_root >"$work/root.log" 2>&1 || {
    tail -n 30 "$work/root.log"
    fail "a fresh $suite can be made"
}
boot || {
    cat "$work/boot.log"
    skip 'systemd can not be started in namespaces here'
}
inside bash /root/life.sh
