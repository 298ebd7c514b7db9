# SPDX-License-Identifier: ISC
# functions.sh: what quickstart.sh, postgres.sh and many.sh have in common. Sourced, with $examples set.
# It sets $dir, a temporary folder, and $fcgiwait. A script adds each process that it starts to
# $started; the engine that several machines share is $engine_pid.
# shellcheck shell=bash
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin      # where nginx is; not in the path of an ordinary user
umask 022                       # nginx's worker has to read what is made here

source=$(dirname "$examples")
dir=
missing=()                      # packages
libraries=()                    # packages that the build needs besides
started=()                      # nginx first: they end in this order
engine_pid=                     # ends last
engine_ends=TERM
engine_library=                 # as fcgiwait names it where it was built without
as_whom=()                      # how to start what need not be root
sudo=${SUDO_USER:+sudo }        # what a command begins with that is to be typed elsewhere

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

# Ends what was started, and removes the folder.
clean_up() {
    trap '' HUP INT PIPE TERM
    local pid
    for pid in ${started[@]+"${started[@]}"} $(jobs -p); do
        [ "$pid" = "$engine_pid" ] || end "$pid"
    done
    [ -z "$engine_pid" ] || end "$engine_pid" "$engine_ends"
    [ -z "$dir" ] || rm -rf "$dir"
}

alive() {
    local pid
    for pid in ${started[@]+"${started[@]}"} $engine_pid; do
        kill -0 "$pid" || return 1
    done
} 2>/dev/null

# Shows what the logs say, and ends.
fail_with_logs() {
    local log
    for log in "$dir"/*.log "$dir"/machine*/*.log; do
        [ ! -s "$log" ] || { echo "$log:" && tail -n 5 "$log"; } >&2
    done
    fail "$*; the last lines of the logs are above"
}

# Until the command succeeds. What to say if it does not: $1
await() {
    local what=$1 _
    shift
    for _ in {1..150}; do
        ! "$@" >/dev/null 2>&1 || return 0
        alive || break
        sleep 0.1
    done
    fail_with_logs "$what"
}

check_port() {
    case $1 in *[!0-9]* | '') fail "PORT=$1 is not a port number" ;; esac
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        fail "port $1 is taken. Choose another: ${sudo}PORT=$(($1 + 1)) $0"
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
    elif [ -x "$built" ] && [ -z "$(newer_sources "$built")" ] && ! lacks_engine "$built"; then
        fcgiwait=$built
    fi
}

# configure has gone without the library, as it does for whoever has no use for it.
lacks_engine() {
    [ -n "$engine_library" ] && grep -q "built without $engine_library" "$1"
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
    rm "$dir/build.log"
    fcgiwait=$dir/build/src/fcgiwait
}

# Nothing here needs to be root, and PostgreSQL refuses to be. Nobody but www-data, which nginx's workers
# are, gets into the folder: an engine in it trusts whoever comes to its socket.
drop_rights() {
    [ "$(id -u)" = 0 ] || return 0
    as_whom=(setpriv --reuid=www-data --regid=www-data --clear-groups --)
    cp "$fcgiwait" "$dir/fcgiwait"      # the clone may lie where www-data can't read
    fcgiwait=$dir/fcgiwait
    chown www-data:www-data "$dir"
    chmod 700 "$dir"
}

# curl, for requests to ourselves: quiet, and not through a proxy.
ask() {
    curl -fsS --noproxy '*' --max-time 5 "$@"
}

# show_arrival URL PATH COMMAND...: PATH has its index from URL, and what the command writes arrives where
# somebody waits for it, at $second. It lies in $dir/answer.
show_arrival() {
    local url=$1 path=$2 index waiting
    shift 2
    index=$(ask -D - -o /dev/null "$url$path" | sed -n 's/^X-Polling-Index: \([0-9]*\).*/\1/p')
    echo "\$ curl '$second$path?index=$index&wait=20'    # waits, at the second machine"
    curl -fsS --noproxy '*' --max-time 30 -o "$dir/answer" "$second$path?index=$index&wait=20" &
    waiting=$!
    sleep 0.5
    "$@"
    wait "$waiting" || fail_with_logs "the change does not arrive"
    cat "$dir/answer"
}

# As long as all goes on, and is wanted.
stay() {
    SECONDS=0
    while [ -z "$limit" ] || [ "$SECONDS" -lt "$limit" ]; do
        sleep 1
        alive || fail_with_logs "something has ended"
    done
}

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
