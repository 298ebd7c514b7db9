#!/bin/bash
# SPDX-License-Identifier: ISC
# Builds with -Werror and runs make check on what people have:
#
#   sudo tests/platforms.sh [PLATFORM...]
#
#   gcc, clang      the compilers
#   hardened        Debian's hardening=+all
#   fortify         -O2 -D_FORTIFY_SOURCE=3
#   symbolic        against a libfcgi that is linked as Ubuntu links: -Bsymbolic-functions, LTO
#   bookworm, trixie, or any other Debian: tests/run.sh, in a debootstrap of it: plain, or PARTS
#
# What this machine needs is what tests/run.sh installs, and deb-src for `symbolic` comes from the
# mirror that apt knows. BUILD=DIR keeps the folder, PARTS='asan page' chooses the parts of
# tests/run.sh. A line for each platform; exit status 1 where one failed.
set -u -o pipefail
export LC_ALL=C
top=$(cd "$(dirname "$0")/.." && pwd)
work=${BUILD:-$(mktemp -d)}
mkdir -p "$work" && work=$(cd "$work" && pwd) || exit
status=0

clean_up() {
    [ -n "${BUILD:-}" ] || rm -rf "$work"
}

count() {
    find "$1" -name '*.trs' -exec grep -h "^:test-result: $2" {} + | wc -l
}

told() {
    local name=$1 good=$2 bad=$3
    printf '%-10s %d passed, %d failed\n' "$name" "$good" "$bad"
    [ "$bad" = 0 ] && [ "$good" -gt 0 ] || status=1
}

copy_source() {
    mkdir -p "$1"
    { git -c safe.directory='*' -C "$top" ls-files -z --cached --others --exclude-standard; } |
        tar -C "$top" --null --ignore-failed-read -T - -c | tar -C "$1" -x
}

# configure's arguments come behind the name.
check() {
    local name=$1 log=$work/$1.log
    shift
    mkdir -p "$work/$name"
    if ! (cd "$work/$name" && "$work/source/configure" --enable-werror "$@" && make -j"$(nproc)" &&
        make -j"$(nproc)" -C tests check TESTS=) >"$log" 2>&1; then
        tail -n 30 "$log"
        told "$name" 0 1
        return
    fi
    find "$work/$name" -name '*.trs' -delete
    make -k -j"$(nproc)" -C "$work/$name/tests" check >>"$log" 2>&1
    grep -E '^(FAIL|ERROR):' "$log"
    told "$name" "$(count "$work/$name" PASS)" "$(count "$work/$name" '[FE]')"
}

flags() {
    DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --get "$1"
}


# Debian's own source, with Ubuntu's flags.
build_libfcgi() {
    local suite apt=$work/apt
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mkdir -p "$apt/lists/partial" "$work/libfcgi"
    echo "deb-src $(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Origin: Debian' "Codename: $suite" | head -n 1) $suite main" >"$apt/sources.list"
    local options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/nonexistent
        -o "Dir::State::lists=$apt/lists" -o APT::Sandbox::User=root)
    cd "$work/libfcgi" && apt-get -q "${options[@]}" update &&
        apt-get -q "${options[@]}" source --only-source libfcgi && cd libfcgi-*/ &&
        DEB_BUILD_OPTIONS=nocheck DEB_CFLAGS_APPEND='-flto=auto -ffat-lto-objects' \
            DEB_LDFLAGS_APPEND='-Wl,-Bsymbolic-functions -flto=auto' dpkg-buildpackage -d -b -us -uc &&
        for package in ../libfcgi0*.deb ../libfcgi-dev*.deb; do
            dpkg-deb -x "$package" "$work/libfcgi/root" || return
        done
}

platform_symbolic() {
    local lib
    build_libfcgi >"$work/libfcgi.log" 2>&1
    lib=$(dirname "$(find "$work/libfcgi/root" -name libfcgi.so | head -n 1)")
    # The flags have to have arrived: no call within the library goes through its table.
    if [ ! -e "$lib/libfcgi.so.0" ] || readelf -rW "$lib/libfcgi.so.0" | grep -q OS_Read; then
        tail -n 30 "$work/libfcgi.log"
        echo 'libfcgi was not built as Ubuntu does'
        told symbolic 0 1
        return
    fi
    export LD_LIBRARY_PATH=$lib
    check symbolic CPPFLAGS="-I$work/libfcgi/root/usr/include" LDFLAGS="-L$lib"
    unset LD_LIBRARY_PATH
}

# In a mount namespace of its own, so that nothing stays mounted. Its root is a mount as well: in
# there tests make namespaces of their own.
in_root() {
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child --propagation private -- sh -c '
        mount --bind "$1" "$1" && cd "$1" &&
        mount -t proc proc proc && mount -t sysfs -o ro sysfs sys &&
        mount -t tmpfs tmpfs dev/shm && mount -t tmpfs tmpfs tmp &&
        mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts &&
        exec chroot . env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
            ${3:+NODE_EXTRA_CA_CERTS=/root/authorities} sh -c "$2"' \
        sh "$1" "$2" "${NODE_EXTRA_CA_CERTS:-}"
}

platform_debian() {
    local suite=$1 root=$work/$1 uri last
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
        'Label: Debian' | head -n 1)
    if [ ! -e "$root/etc/debian_version" ] && ! debootstrap --variant=minbase "$suite" "$root" \
        "$uri" >"$work/$suite.debootstrap.log" 2>&1; then
        tail -n 20 "$work/$suite.debootstrap.log"
        told "$suite" 0 1
        return
    fi
    echo "deb $uri $suite main" >"$root/etc/apt/sources.list"
    apt-config dump | grep '^Acquire::\(http\|Check\)' >"$root/etc/apt/apt.conf.d/90test"
    cp /etc/resolv.conf "$root/etc/"
    [ -z "${NODE_EXTRA_CA_CERTS:-}" ] || cp "$NODE_EXTRA_CA_CERTS" "$root/root/authorities"
    rm -rf "$root/root/source"
    copy_source "$root/root/source"
    in_root "$root" "cd /root/source && BUILD=/root/build tests/run.sh ${PARTS:-plain}" \
        >"$work/$suite.log" 2>&1
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$work/$suite.log" | tail -n 1)
    [[ $last = *' 0 failed'* ]] || tail -n 60 "$work/$suite.log"
    # shellcheck disable=SC2086
    set -- ${last:-0 passed, 1 failed}
    told "$suite" "$1" "$3"
}

wanted=("$@")
[ $# -gt 0 ] || wanted=(gcc clang hardened fortify symbolic bookworm trixie)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
copy_source "$work/source"
(cd "$work/source" && ./autogen.sh) >"$work/autogen.log" 2>&1 || exit
for platform in "${wanted[@]}"; do
    case $platform in
    gcc) check gcc CC=gcc ;;
    clang) check clang CC=clang ;;
    hardened)
        check hardened CFLAGS="$(flags CFLAGS)" CPPFLAGS="$(flags CPPFLAGS)" \
            LDFLAGS="$(flags LDFLAGS)"
        ;;
    fortify) check fortify CFLAGS='-g -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3' ;;
    symbolic) platform_symbolic ;;
    *) platform_debian "$platform" ;;
    esac
done
exit $status
