# SPDX-License-Identifier: ISC
# functions.sh: what quickstart.sh and postgres.sh have in common. Sourced, with $examples set. It
# sets $dir, a temporary folder, and $fcgiwait; the script has a function clean_up.
# shellcheck shell=bash
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin      # where nginx is; not in the path of an ordinary user
umask 022                       # nginx's worker has to read what is made here

source=$(dirname "$examples")
dir=
missing=()                      # packages
libraries=()                    # packages that the build needs besides

fail() {
    printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
    exit 1
}

# Ends a process of ours, with the signal $2: politely, but within seconds.
end() {
    local _
    kill -s "${2:-TERM}" "$1" 2>/dev/null || return 0
    for _ in {1..50}; do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
}

check_port() {
    case $1 in *[!0-9]* | '') fail "PORT=$1 is not a port number" ;; esac
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        fail "port $1 is taken. Choose another: PORT=$(($1 + 1)) $0"
    fi
}

# Sets $fcgiwait. It is empty if it has to be built first.
find_fcgiwait() {
    local built=$source/src/fcgiwait
    fcgiwait=${FCGIWAIT:-}
    if [ -n "$fcgiwait" ]; then
        [ -x "$fcgiwait" ] || fail "there is no $fcgiwait to start"
    elif [ ! -e "$source/configure.ac" ]; then
        fcgiwait=$(command -v fcgiwait) || fail "there is neither fcgiwait nor its source here"
    elif [ -x "$built" ] && [ -z "$(newer_sources "$built")" ]; then
        fcgiwait=$built
    fi
}

newer_sources() {
    find "$source/src" "$source/include" -name '*.[ch]' -newer "$1"
}

# A command, and the package that it comes with.
need() {
    command -v "$1" >/dev/null || missing+=("$2")
}

# Installs the Debian packages that this needs and that are not there.
install_missing() {
    local package
    if [ -z "$fcgiwait" ]; then
        for package in gcc libc6-dev make autoconf automake pkg-config libfcgi-dev libjson-c-dev \
            libconfig-dev libsqlite3-dev uthash-dev "${libraries[@]}"; do
            installed "$package" || missing+=("$package")
        done
    fi
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] ||
        fail "these packages are missing; run this with sudo, or: apt-get install ${missing[*]}"
    echo "Installing ${missing[*]}"
    apt-get -q update || true           # what is known already may do
    # A machine that has just started may be busy with updates of its own.
    DEBIAN_FRONTEND=noninteractive apt-get -qy --no-install-recommends \
        -o DPkg::Lock::Timeout=300 install "${missing[@]}"
    case " ${missing[*]} " in *' nginx '*) say_service ;; esac
}

# The nginx of the package is not the one that is started here.
say_service() {
    ! systemctl -q is-active nginx 2>/dev/null ||
        echo "Debian has started an nginx of its own, on port 80; systemctl disable --now nginx ends it"
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

make_dir() {
    dir=$(mktemp -d -t fcgiwait.XXXXXXXX)
    case $dir in *[!A-Za-z0-9/._-]*) fail "nginx would not read a path such as $dir; set TMPDIR" ;; esac
}

# Builds a copy, so that the clone stays as it is.
build() {
    echo "Building fcgiwait"
    mkdir "$dir/build"
    tar -C "$source" --exclude=.git --exclude=node_modules --exclude='*.[oa]' -c . |
        tar -C "$dir/build" -x
    (cd "$dir/build" && ./autogen.sh && ./configure && make -C src -j"$(nproc)") \
        >"$dir/build.log" 2>&1 || {
        tail -n 20 "$dir/build.log" >&2
        fail "the build failed"
    }
    fcgiwait=$dir/build/src/fcgiwait
}

# curl, for requests to ourselves: quiet, and not through a proxy.
ask() {
    curl -fsS --noproxy '*' --max-time 5 "$@"
}

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
