# SPDX-License-Identifier: ISC
# Sourced by run.sh: builds, starts and stops the servers that are compared, each with an
# nginx of its own, so that idle connections of one are no burden of another.
#
# Needs: here, out, build, peers; gives: pid, nginx_pid, port (by peer).
# shellcheck source=functions.sh
. "$here/functions.sh"
declare -A pid=() nginx_pid=() port=()

# How nginx speaks to a peer.
declare -A kind=([fcgiwait]=fastcgi [old]=fastcgi [nchan]=nchan [go]=proxy [node]=proxy [threads]=fastcgi
    [ceiling]=fastcgi [least]=fastcgi)

# The parts for which a bound is there; real servers take part in all.
long_polls="broadcast scale memory distinct groups churn get publish silence kill wrk"
declare -A bounds=([ceiling]="get wrk" [least]="broadcast distinct groups streams streams-distinct streams-groups" [threads]=$long_polls
    [old]="$long_polls streams streams-distinct streams-groups streams-memory streams-silence")

has() {
    [[ " $peers " = *" $1 "* ]]
}

# --- what is needed ---

packages() {
    cat <<END
gcc gcc
make make
jq jq
nginx nginx
spawn-fcgi spawn-fcgi
gnuplot gnuplot-nox
curl curl
END
    ! has go || echo go golang-go
    ! has node || echo node nodejs
    ! has nchan || echo /usr/lib/nginx/modules/ngx_nchan_module.so libnginx-mod-nchan
    ! wants wrk || echo wrk wrk
    [ -n "${BUILD:-}" ] || cat <<END
autoconf autoconf
automake automake
pkg-config pkg-config
/usr/include/fcgiapp.h libfcgi-dev
/usr/include/json-c/json.h libjson-c-dev
/usr/include/libconfig.h libconfig-dev
/usr/include/sqlite3.h libsqlite3-dev
/usr/include/uthash.h uthash-dev
END
}

install_missing() {
    local missing=() what package
    while read -r what package; do
        command -v "$what" >/dev/null || [ -e "$what" ] || missing+=("$package")
    done < <(packages)
    [ ${#missing[@]} = 0 ] || {
        apt-get update >&2
        apt-get install -y --no-install-recommends "${missing[@]}" >&2
    }
}

# --- building ---

build_tree() {
    [ -x "$here/../../configure" ] || (cd "$here/../.." && ./autogen.sh >&2)
    mkdir -p "$build"
    (cd "$build" && "$(realpath "$here/../..")/configure" >/dev/null && make -s -j2 >&2)
}

compile() {
    gcc -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -pthread "$@"
}

build_all() {
    [ -n "${BUILD:-}" ] || build_tree
    mkdir -p "$out/bin"
    compile "$here"/*.c -o "$out/bin/load"
    compile -fPIC -shared "$here/peers/handed.c" -o "$out/bin/handed.so"
    ! has go || GO111MODULE=off GOCACHE=$out/bin/go-cache go build -o "$out/bin/longpoll_go" \
        "$here/peers/longpoll.go"
    ! has threads || compile "$here/peers/longpoll_threads.c" -o "$out/bin/longpoll_threads" -lfcgi
    ! has least || compile "$here/peers/least.c" -o "$out/bin/least"
    ! has ceiling || compile -I"$here/../../include" "$here/peers/ceiling.c" \
        "$build/src/libfcgiwait.a" -o "$out/bin/ceiling" -lfcgi
}

# --- starting, and stopping by number ---

await_file() {
    for _ in $(seq 200); do
        [ -e "$1" ] && return
        sleep 0.05
    done
    say "$1 did not appear"
    exit 1
}

# As an ordinary FastCGI responder is started.
spawn() {
    exec spawn-fcgi -s "$dir/socket" -n -b 4096 -- "$@"
}

serve() {
    local dir=$out/$1 program=${FCGIWAIT:-$build/src/fcgiwait}
    [ "$1" != old ] || program=$OLD
    case $1 in
    fcgiwait | old)
        printf '%s\n' "max_waiting = 10000;" "store = { type = \"memory\"; };" \
            "log_level = \"warn\";" >"$dir/fcgiwait.conf"
        spawn "$program" -c "$dir/fcgiwait.conf"
        ;;
    threads) spawn "$out/bin/longpoll_threads" ;;
    ceiling | least) spawn "$out/bin/$1" ;;
    go) exec "$out/bin/longpoll_go" "unix:$dir/socket" ;;
    node) exec node "$here/peers/longpoll.mjs" "$dir/socket" ;;
    esac
}

start() {
    local peer=$1 dir=$out/$1 descriptors
    descriptors=$(ulimit -n)
    [ "$descriptors" != unlimited ] && [ "$descriptors" -le 20000 ] || descriptors=20000
    rm -rf "$dir"
    mkdir -p "$dir"
    if [ "${kind[$peer]}" != nchan ]; then
        serve "$peer" >"$dir/log" 2>&1 &
        pid[$peer]=$!
        await_file "$dir/socket"
    fi
    port[$peer]=$(free_port)
    "$here/nginx.sh" "${kind[$peer]}" "$dir" "${port[$peer]}" "$dir/socket" "$descriptors" \
        >"$dir/nginx.conf"
    nginx -e "$dir/nginx.log" -p "$dir" -c "$dir/nginx.conf" 2>>"$dir/log" &
    nginx_pid[$peer]=$!
    await_file "$dir/nginx.pid"
    curl -s -o "$dir/first" --retry 20 --retry-connrefused --retry-delay 1 \
        "http://127.0.0.1:${port[$peer]}/status"
}

stop() {
    local one
    for one in ${nginx_pid[$1]:-} ${pid[$1]:-}; do
        kill -TERM "$one" 2>/dev/null || continue
        for _ in $(seq 100); do
            kill -0 "$one" 2>/dev/null || break
            sleep 0.05
        done
        kill -KILL "$one" 2>/dev/null || true
        wait "$one" 2>/dev/null || true
    done
    unset "nginx_pid[$1]" "pid[$1]"
}

stop_all() {
    local peer
    for peer in $peers; do
        stop "$peer"
    done
}
