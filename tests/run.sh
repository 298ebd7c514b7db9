#!/bin/bash
# SPDX-License-Identifier: ISC
# All tests, from nothing but a clone on Debian 12:
#
#   sudo tests/run.sh
#
# or some of them: tests/run.sh plain page
#
#   plain   formatting, cppcheck, shellcheck, the bench's programs in C, and make check: unit and
#           system tests
#   asan    make check with AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan    make check with ThreadSanitizer
#   fuzz    each target of tests/fuzz for some seconds
#   page    nginx-examples/www and the quick start, in Chromium
#   dist    make distcheck: the tarball builds, installs and uninstalls
#   package make deb, lintian, and the package's life on a fresh Debian: see tests/package; and the
#           container: see tests/container
#
# All builds are made of what the tarball would hold, which can't be written to: so each make check
# is the tarball's as well. While the tests of one part run, the next one is built.
#
# It installs the packages that are missing, which takes root, and works on a copy in a temporary
# folder: the clone stays as it is. Nothing that runs already is stopped, no fixed port is used.
#
#   BUILD=DIR         the folder; it is kept, and the next run is faster
#   FUZZ_SECONDS=10   for each target
#
# The last line says how many tests passed and failed. Exit status 1 if one failed.
set -u -o pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
parts=(plain asan tsan fuzz page dist package)
top=$(cd "$(dirname "$0")/.." && pwd)
jobs=$(nproc)
tests_at_once=$((2 * jobs)) # they mostly wait
work='' builder=''
declare -A passed=() failed=() skipped=() told=()
# How the folders of that name are configured.
declare -A configured=([plain]='' [asan]='--enable-sanitizer=address,undefined'
    [tsan]='--enable-sanitizer=thread' [fuzz]='--enable-fuzzers')
# Which of them a part needs.
declare -A needs=([plain]=plain [asan]=asan [tsan]=tsan [fuzz]=fuzz [page]=plain [dist]=''
    [package]=plain)

# Debian's packages. Commands that are there, wherever they come from, need none; a name behind
# the sign is the command's where it is not the package's.
libraries=(
    libc6-dev libfcgi-dev libjson-c-dev libconfig-dev libsqlite3-dev libhiredis-dev libpq-dev
    uthash-dev
    libcmocka-dev libcurl4-openssl-dev libclang-rt-dev
    postgresql # its programs are not on the path
    build-essential # dpkg-buildpackage asks for it by name
)
programs=(
    gcc make autoconf automake pkg-config xz-utils=xz procps=ps
    redis-server nginx spawn-fcgi multiwatch curl openssl haproxy apache2 lighttpd varnish=varnishd prometheus=promtool nodejs=node npm chromium php-cgi
    clang clang-format cppcheck shellcheck mandoc systemd=systemd-analyze
    dpkg-dev=dpkg-buildpackage debhelper=dh lintian debootstrap
)

fail() {
    printf 'run.sh: %s\n' "$*" >&2
    exit 1
}

clean_up() {
    [ -z "$builder" ] || kill -TERM -- "-$builder" 2>/dev/null && wait "$builder"
    [ -n "${BUILD:-}" ] || [ -z "$work" ] || {
        chmod -R u+w "$work"
        rm -rf "$work"
    }
}

# --- the ground: packages, and a copy of the source ---

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# A mirror or a registry that fails once may be well again soon.
again() {
    local pause
    for pause in 5 20; do
        ! "$@" || return 0
        sleep "$pause"
    done
    "$@"
}

install_them() {
    apt-get -q update
    DEBIAN_FRONTEND=noninteractive apt-get -qy --no-install-recommends \
        -o DPkg::Lock::Timeout=300 install "$@"
}

install_missing() {
    local missing=() package
    for package in "${libraries[@]}"; do
        installed "$package" || missing+=("$package")
    done
    for package in "${programs[@]}"; do
        command -v "${package#*=}" >/dev/null || missing+=("${package%=*}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] ||
        fail "these packages are missing; run this with sudo, or: apt-get install ${missing[*]}"
    echo "Installing ${missing[*]}"
    again install_them "${missing[@]}" >"$work/apt.log" 2>&1 || {
        tail -n 30 "$work/apt.log" >&2
        fail "the packages can't be installed"
    }
}

in_git() {
    git -c safe.directory='*' -C "$top" rev-parse 2>/dev/null
}

# Git's files and the new ones, but not what a build has left; without git, all but a build.
list_source() {
    if in_git; then
        git -c safe.directory='*' -C "$top" ls-files -z --cached --others --exclude-standard
    else
        cd "$top" && find . \( -name .git -o -name node_modules \) -prune -o -type f \
            ! -name '*.[oa]' ! -name config.status ! -name Makefile -print0
    fi
}

copy_source() {
    source=$work/source
    rm -rf "$source" "$work/files"
    mkdir -p "$source"
    list_source | tar -C "$top" --null --ignore-failed-read -T - -c | tar -C "$source" -x ||
        fail "the source can't be copied"
    ! in_git || git -c safe.directory='*' -C "$top" ls-files | sort >"$work/files"
    mapfile -t files < <(find "$source" -name '*.[ch]')
    mapfile -t scripts < <(grep -rlE '^#!/bin/(ba)?sh' "$source")
    (cd "$source" && ./autogen.sh) >"$work/autogen.log" 2>&1 || {
        tail -n 30 "$work/autogen.log" >&2
        fail "autogen.sh failed"
    }
}

# The folder that the tarball would be made of, and nothing else.
copy_tarball() {
    tarball=$work/tarball
    [ ! -e "$tarball" ] || chmod -R u+w "$tarball"
    rm -rf "$tarball"
    mkdir -p "$work/dist" && (cd "$work/dist" && "$source/configure" && make distdir &&
        mv "$(sed -n 's/^PACKAGE_TARNAME = //p' Makefile)-$(sed -n 's/^VERSION = //p' Makefile)" \
            "$tarball") >"$work/dist.log" 2>&1 || {
        tail -n 30 "$work/dist.log" >&2
        fail "make distdir failed"
    }
    chmod -R a-w "$tarball"
}

# --- counting ---

count() {
    local part=$1
    passed[$part]=$((${passed[$part]:-0} + $2))
    failed[$part]=$((${failed[$part]:-0} + $3))
    skipped[$part]=$((${skipped[$part]:-0} + ${4:-0}))
}

# One test that is a command: its output is shown if it fails.
judge() {
    local part=$1 what=$2 log
    log=$work/$2.log
    shift 2
    if "$@" >"$log" 2>&1; then
        count "$part" 1 0
    else
        count "$part" 0 1
        echo "--- $part: $what failed"
        tail -n 200 "$log"
    fi
}

# The sum of what `pattern` catches in the log: cmocka's closing lines hold its counts.
sum() {
    sed -n -E "s/$1/\\1/p" "$2" | awk '{ sum += $1 } END { print sum + 0 }'
}

# The tests in one log of make check. A test that is no cmocka program counts as one, and so
# does whatever went wrong outside of cmocka's tests: a crash, a sanitizer's report.
count_log() {
    local part=$1 trs=$2 log=${2%.trs}.log result good bad left
    result=$(sed -n 's/^:test-result: //p' "$trs")
    good=$(grep -c '^\[       OK \]' "$log")
    bad=$(sum '^\[  FAILED  \].*[^0-9]([0-9]+) test\(s\), listed below:' "$log")
    left=$(sum '^\[  SKIPPED \].*[^0-9]([0-9]+) test\(s\), listed below:' "$log")
    case $result in
    PASS) [ $((good + left)) -gt 0 ] || good=1 ;;
    SKIP) [ "$left" -gt 0 ] || left=1 ;;
    *)
        [ "$bad" -gt 0 ] || bad=1
        echo "--- $part: ${trs#"$work/$part/tests/"} $result"
        tail -n 200 "$log"
        ;;
    esac
    count "$part" "$good" "$bad" "$left"
}

# --- the parts ---

# Configures and builds, with all that make check needs, in a folder of that name. In a process of
# its own, one after the other, while the tests of the parts before them run.
build_in_turn() {
    local name
    renice -n 19 -p "$BASHPID" >/dev/null # the tests go first
    for name in "$@"; do
        mkdir -p "$work/$name"
        # shellcheck disable=SC2086
        if (cd "$work/$name" && "$tarball/configure" --enable-werror ${configured[$name]} &&
            make -j"$jobs" && make -j"$jobs" -C tests check TESTS=) >"$work/$name.log" 2>&1; then
            touch "$work/$name.built"
        else
            touch "$work/$name.unbuilt"
        fi
    done
}

start_building() {
    local part names=() name
    for part in "$@"; do
        name=${needs[$part]}
        [ -z "$name" ] || [[ " ${names[*]} " = *" $name "* ]] || names+=("$name")
    done
    rm -f "$work"/*.built "$work"/*.unbuilt
    set -m # a group of its own, so that it can be ended with all that it has started
    build_in_turn "${names[@]}" &
    builder=$!
    set +m
}

# Waits until it is built.
build() {
    local name=$1
    until [ -e "$work/$name.built" ] || [ -e "$work/$name.unbuilt" ]; do
        kill -0 "$builder" 2>/dev/null || break
        sleep 0.2
    done
    [ ! -e "$work/$name.built" ] || return 0
    [ -n "${told[$name]:-}" ] || {
        told[$name]=yes
        count "$name" 0 1
        echo "--- $name: the build failed"
        tail -n 40 "$work/$name.log"
    }
    return 1
}

# What a variable of tests/Makefile holds.
variable() {
    # shellcheck disable=SC2016
    printf 'print:\n\t@echo $(%s)\n' "$2" | make -s -C "$1/tests" -f Makefile -f - print
}

run_tests() {
    local folder=$1 measuring others
    measuring=$(variable "$folder" 'filter $(MEASURING_TESTS),$(TESTS)')
    others=$(variable "$folder" 'filter-out $(MEASURING_TESTS),$(TESTS)')
    make -k -j"$tests_at_once" -C "$folder/tests" check TESTS="$others"
    set -- $?
    make -k -C "$folder/tests" check TESTS="$measuring" && return "$1"
}

check() {
    local part=$1 trs good=yes before="${passed[$1]:-0} ${failed[$1]:-0}"
    build "$part" || return
    find "$work/$part/tests" -name '*.trs' -delete
    run_tests "$work/$part" >"$work/$part.check.log" 2>&1 || good=
    while IFS= read -r trs; do
        count_log "$part" "$trs"
    done < <(find "$work/$part/tests" -name '*.trs' | sort)
    if [ "${passed[$part]:-0}" = "${before% *}" ] ||
        { [ -z "$good" ] && [ "${failed[$part]:-0}" = "${before#* }" ]; }; then
        count "$part" 0 1
        echo "--- $part: make check went wrong outside of the tests"
        tail -n 40 "$work/$part.check.log"
    fi
}

part_plain() {
    # Each version formats differently.
    if clang-format --version | grep -q 'version 14\.'; then
        judge plain formatting clang-format --dry-run -Werror "${files[@]}"
    else
        count plain 0 0 1
    fi
    judge plain cppcheck cppcheck -q --std=c11 -D_GNU_SOURCE '-DPACKAGE_VERSION=""' \
        -I include -I src -I tests/lib -j"$jobs" \
        --enable=warning,performance,portability --suppressions-list=tests/cppcheck.txt \
        --error-exitcode=1 src tests
    judge plain shellcheck shellcheck -S warning -e SC2034,SC2154 "${scripts[@]}"
    ! build plain || judge plain bench env BUILD="$work/plain" OUT="$work/bench" \
        PEERS='threads least ceiling' tests/bench/run.sh --build
    check plain
}

part_asan() {
    check asan
}

part_tsan() {
    check tsan
}

part_fuzz() {
    local log=$work/fuzz.run.log good bad
    build fuzz || return
    FUZZ_FOUND=$work/found make -C "$work/fuzz" fuzz >"$log" 2>&1
    good=$(grep -c '^ok ' "$log")
    bad=$(grep -c '^not ok ' "$log")
    count fuzz "$good" "$bad"
    [ "$good" -gt 0 ] || [ "$bad" -gt 0 ] || count fuzz 0 1
    [ "${failed[fuzz]}" = 0 ] || grep -v '^ok ' "$log"
}

part_page() {
    local log=$work/page.log bad good=yes
    build plain || return
    FCGIWAIT=$work/plain/src/fcgiwait tests/page/run.sh >"$log" 2>&1 || good=
    bad=$(($(sum '^[^ ]+ fail ([0-9]+)$' "$log") + $(sum '^[^ ]+ cancelled ([0-9]+)$' "$log")))
    [ -n "$good" ] || [ "$bad" -gt 0 ] || bad=1
    count page "$(sum '^[^ ]+ pass ([0-9]+)$' "$log")" "$bad" \
        "$(sum '^[^ ]+ skipped ([0-9]+)$' "$log")"
    [ "$bad" = 0 ] || tail -n 300 "$log"
}

# Git's files as they were copied, but for what git has for itself.
holds_all_files() {
    local left
    left=$(comm -23 "$work/files" \
        <(cd "$tarball" && find . -type f | sed 's|^\./||' | sort) | grep -vx '\.git[a-z]*')
    echo "not in the tarball: $left"
    [ -z "$left" ]
}

# What it leaves out it says, and what to install for it. Asked for units without a folder it takes its own.
configure_says_what_is_missing() (
    rm -rf "$work/configure" && mkdir -p "$work/configure" && cd "$work/configure" || exit
    cat >pkg-config <<'END'
#!/bin/sh
case "$*" in *hiredis* | *libpq* | *libcurl*) exit 1 ;; esac
exec pkg-config "$@"
END
    cat >hiredis-0 <<'END'
#!/bin/sh
case "$*" in *hiredis_ssl* | *'hiredis >= 1.0'*) exit 1 ;; *'hiredis >= 0.14'*) exit 0 ;; esac
exec pkg-config "$@"
END
    chmod +x pkg-config hiredis-0
    "$tarball/configure" --with-systemdsystemunitdir PKG_CONFIG="$PWD/pkg-config" 2>&1 || exit
    for package in libhiredis-dev libpq-dev libcurl4-openssl-dev; do
        grep -q "WARNING: .* left out.* apt-get install $package$" "$work/configure.log" || exit
    done
    "$tarball/configure" PKG_CONFIG="$PWD/hiredis-0" >old.log 2>&1 || exit
    grep 'WARNING: hiredis is older than 1.0, .* left out$' old.log && ! grep libssl-dev old.log || exit
    # shellcheck disable=SC2016
    grep -qx 'systemdsystemunitdir = ${prefix}/lib/systemd/system' Makefile || exit
    ! "$tarball/configure" PKG_CONFIG= || exit
    grep -q 'error: pkg-config is missing. .* apt-get install pkg-config$' "$work/configure.log"
)

# Its tests have run: in the other builds, which are made of the same files.
part_dist() {
    if [ -s "$work/files" ]; then
        judge dist all-files holds_all_files
    else
        count dist 0 0 1
    fi
    judge dist configure configure_says_what_is_missing
    judge dist distcheck make -C "$work/dist" -j"$jobs" distcheck TESTS= check_PROGRAMS= \
        check_LIBRARIES= check_DATA=
}

# make deb, and in $work/unmet what its build would ask for, were nothing installed.
make_deb() {
    local real
    real=$(command -v dpkg-buildpackage) || return
    rm -rf "$work/nothing" "$work/stubs"
    mkdir -p "$work/nothing" "$work/stubs"
    : >"$work/nothing/status"
    cat >"$work/stubs/dpkg-buildpackage" <<END
#!/bin/sh
dpkg-checkbuilddeps --admindir='$work/nothing' 2>'$work/unmet'
exec '$real' "\$@"
END
    chmod +x "$work/stubs/dpkg-buildpackage"
    PATH=$work/stubs:$PATH make -C "$work/plain" deb
}

# README names all of it.
names_what_make_deb_needs() {
    local told package wrong=0
    grep -q ': Unmet build dependencies: ' "$work/unmet" || return
    told=$(sed -n '/^## Install/,/make deb/p' README | tr -cs 'a-z0-9-' '\n')
    for package in $(sed -e 's/.*: Unmet build dependencies: //' -e 's/([^)]*)//g' "$work/unmet"); do
        package=${package%:*}
        grep -qx "${package%-compat}" <<<"$told" || {
            echo "README does not name $package"
            wrong=1
        }
    done
    return "$wrong"
}

part_package() {
    local log=$work/package.log folder=$work/plain/deb good=yes bad
    build plain || return
    judge package make-deb make_deb
    judge package make-deb-needs names_what_make_deb_needs
    judge package lintian lintian --allow-root --fail-on error,warning "$folder"/*.changes
    tests/package/run.sh "$folder"/fcgiwait_*.deb "$work/package" >"$log" 2>&1 || good=
    tests/container/run.sh "$source" "$work/container" "$work/package/base.tar" >>"$log" 2>&1 || good=
    bad=$(grep -c '^not ok ' "$log")
    [ -n "$good" ] || [ "$bad" -gt 0 ] || bad=1
    count package "$(grep -c '^ok ' "$log")" "$bad" "$(grep -c '^skip ' "$log")"
    grep '^skip ' "$log"
    [ "$bad" = 0 ] || tail -n 300 "$log"
}

run_part() {
    SECONDS=0
    "part_$1"
    printf '%s: %d passed, %d failed, %d skipped in %d s\n' "$1" "${passed[$1]:-0}" \
        "${failed[$1]:-0}" "${skipped[$1]:-0}" "$SECONDS"
}

# --- all of it ---

wanted=("$@")
[ $# -gt 0 ] || wanted=("${parts[@]}")
for part in "${wanted[@]}"; do
    [[ " ${parts[*]} " = *" $part "* ]] || fail "there is no $part; choose from ${parts[*]}"
done

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
work=${BUILD:-$(mktemp -d)}
mkdir -p "$work" && work=$(cd "$work" && pwd) || fail "$work can't be made"
install_missing
copy_source
copy_tarball
start_building "${wanted[@]}"
cd "$source" || exit
for part in "${wanted[@]}"; do
    run_part "$part"
done

all_passed=0 all_failed=0 all_skipped=0
for part in "${parts[@]}"; do
    all_passed=$((all_passed + ${passed[$part]:-0}))
    all_failed=$((all_failed + ${failed[$part]:-0}))
    all_skipped=$((all_skipped + ${skipped[$part]:-0}))
done
[ "$all_skipped" = 0 ] && rest= || rest=", $all_skipped skipped"
echo
echo "$all_passed passed, $all_failed failed$rest"
[ "$all_failed" = 0 ] && [ "$all_passed" -gt 0 ]
