#!/bin/bash
# SPDX-License-Identifier: ISC
# conf/Containerfile: read line by line, and, where podman or docker works and FCGIWAIT_FULL is set,
# built and run as it says, with a real nginx before it.
#
#   [FCGIWAIT_FULL=1] tests/container/run.sh SOURCE FOLDER [BASE.tar]
#
# No registry is asked: the image that it is built on is a debootstrap of this machine's suite, or
# the root file system in BASE.tar, where that exists.
#
# A line for each promise: "ok ...", "not ok ..." or "skip ...". Exit status 1 if one failed.
set -u -o pipefail
source=$(realpath "$1")
mkdir -p "$2" && work=$(cd "$2" && pwd) || exit
base_tar=${3:-}
file=$source/conf/Containerfile
name=fcgiwait-test-$$
tool='' nginx='' status=0
run=()

skip() {
    echo "skip the container: $*"
    exit "$status"
}

judge() {
    local what=$1
    shift
    if "$@" >"$work/judge.log" 2>&1; then
        echo "ok $what"
    else
        echo "not ok $what"
        tail -n 40 "$work/judge.log"
        status=1
    fi
}

clean_up() {
    [ -z "$nginx" ] || { kill "$nginx" && wait "$nginx"; } 2>/dev/null
    [ -z "$tool" ] || {
        "$tool" rm -f "$name"
        "$tool" rmi "$name" "$name-base"
        "$tool" volume rm "$name"
    } >/dev/null 2>&1
}

# --- read ---

# The lines that the builder sees: comments out, continuations joined.
instructions() {
    sed '/^#/d' "$1" | sed -e ':a' -e '/\\$/N; s/\\\n */ /; ta' | grep .
}

last() {
    instructions "$file" | awk -v name="$1" '$1 == name' | tail -n 1
}

knows_its_instructions() {
    ! instructions "$file" |
        grep -vE '^(ARG|FROM|RUN|COPY|WORKDIR|USER|VOLUME|HEALTHCHECK|ENTRYPOINT|CMD) '
}

pins_its_base() {
    instructions "$file" | grep -q '^ARG BASE=[^ ]*/debian:[a-z]*-slim$' &&
        ! instructions "$file" | grep '^FROM ' | grep -vE '^FROM \$\{BASE\}( AS [a-z]+)?$'
}

installs_no_more_than_it_names() {
    ! instructions "$file" | grep 'apt-get install' | grep -v -- --no-install-recommends
}

leaves_no_lists_behind() {
    instructions "$file" | tac | sed '/^FROM /q' | grep 'apt-get update' |
        grep -q 'rm -rf /var/lib/apt/lists'
}

copies_what_there_is() {
    local from
    for from in $(instructions "$file" | awk '$1 == "COPY" && $2 !~ /^--from/ { print $2 }'); do
        [ -e "$source/$from" ] || return
    done
}

is_not_root() {
    # shellcheck disable=SC2016
    [ "$(last USER)" = 'USER ${UID}:${UID}' ] && instructions "$file" | grep -qE '^ARG UID=[1-9][0-9]*$'
}

asks_for_health() {
    last HEALTHCHECK | grep -q 'FCGIWAIT_ENDPOINT=health .*CMD\|CMD.*FCGIWAIT_ENDPOINT=health'
}

# As its head says for TCP.
asks_where_it_is_told() {
    # shellcheck disable=SC2016
    grep -q '^#.* -e HEALTH_AT=' "$file" && last HEALTHCHECK | grep -qF -- '-connect ${HEALTH_AT:-'
}

# The arrays of words are JSON, or they would be handed to a shell.
has_arrays_of_words() {
    instructions "$file" | sed -nE 's/^(HEALTHCHECK .*CMD|ENTRYPOINT|CMD|VOLUME) //p' |
        while IFS= read -r words; do
            node -e 'if (!Array.isArray(JSON.parse(process.argv[1]))) process.exit(1)' "$words" || exit
        done
}

read_it() {
    judge 'its instructions are known' knows_its_instructions
    judge 'its base is Debian slim, one for both stages' pins_its_base
    judge 'it installs what it names alone' installs_no_more_than_it_names
    judge 'it leaves no package lists behind' leaves_no_lists_behind
    judge 'it copies what there is' copies_what_there_is
    judge 'it does not run as root' is_not_root
    judge 'it asks for health' asks_for_health
    judge 'it asks where it is told to' asks_where_it_is_told
    judge 'its arrays are JSON' has_arrays_of_words
}

# --- build ---

find_tool() {
    [ -n "${FCGIWAIT_FULL:-}" ] || skip 'built with FCGIWAIT_FULL=1 alone'
    [ "$(id -u)" = 0 ] || skip 'importing a base takes root'
    for tool in podman docker; do
        command -v "$tool" >/dev/null && "$tool" info >/dev/null 2>&1 && return
    done
    tool=
    skip 'there is no podman or docker that works here'
}

# apt in there goes where apt here goes.
make_base() {
    local root=$work/root mirror suite
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' |
        awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }')
    rm -rf "$root"
    debootstrap --variant=minbase "$suite" "$root" "$mirror" || return
    apt-config dump | grep '^Acquire::\(http\|Check\)' >"$root/etc/apt/apt.conf.d/90test"
    tar -C "$root" -c . | "$tool" import - "$name-base"
    rm -rf "$root"
}

import_base() {
    if [ -n "$base_tar" ] && [ -e "$base_tar" ]; then
        "$tool" import "$base_tar" "$name-base"
    else
        make_base
    fi
}

# The source as somebody leaves it who has built in it.
make_context() {
    rm -rf "$work/context" && cp -R "$source" "$work/context" && chmod -R u+w "$work/context" &&
        (cd "$work/context" && touch config.status src/fcgiwait src/libfcgiwait.a src/base/chunk.o)
}

build() {
    local flags=(--build-arg "BASE=$name-base")
    [ "$tool" = docker ] || flags=(--build-arg "BASE=localhost/$name-base" --isolation chroot
        --format docker --ulimit "nofile=$(ulimit -Hn)")
    "$tool" build "${flags[@]}" --network host -f "$file" -t "$name" "$work/context"
}

# --- run ---

# As the head of the Containerfile says; the rest is what containers within containers need. `also` is
# what it says for TCP.
also=() served=()
container_run() {
    "${run[@]}" run "$@" "${also[@]}" --read-only --cap-drop all --security-opt no-new-privileges \
        --ulimit "nofile=$(ulimit -Hn)" --ulimit nproc=4000 --network none \
        -v "$work/socket:/run/fcgiwait" -v "$name:/var/lib/fcgiwait" "$name" "${served[@]}"
}

find_runtime() {
    local runtime
    mkdir -p "$work/socket" && chown 33:33 "$work/socket" || return
    run=("$tool")
    [ "$tool" = podman ] || return 0
    for runtime in crun runc; do
        run=(podman --runtime "$runtime")
        "${run[@]}" run --rm --ulimit "nofile=$(ulimit -Hn)" --ulimit nproc=4000 --network none \
            "$name-base" true >>"$work/runtime.log" 2>&1 && return
    done
    return 1
}

start() {
    container_run -d --name "$name" && await health
}

await() {
    local i
    for ((i = 0; i < 100; i++)); do
        "$@" && return
        sleep 0.1
    done
    return 1
}

# The check of the image itself; docker's daemon has it done in its own time.
health() {
    if [ "$tool" = podman ]; then
        "${run[@]}" healthcheck run "$name"
    else
        docker exec "$name" /bin/sh -c \
            "$(docker inspect --format '{{index .Config.Healthcheck.Test 3}}' "$name")"
    fi
}

start_nginx() {
    port=$((20000 + $$ % 12000))
    cat >"$work/nginx.conf" <<END
daemon off; user root; pid $work/nginx.pid; error_log $work/nginx.log;
events {}
http {
    access_log off; client_body_temp_path $work; fastcgi_temp_path $work;
    proxy_temp_path $work; uwsgi_temp_path $work; scgi_temp_path $work;
    server {
        listen 127.0.0.1:$port;
        location / {
            include /etc/nginx/fastcgi_params;
            fastcgi_param FCGIWAIT_ACCESS publish;
            fastcgi_pass unix:$work/socket/fcgiwait.sock;
        }
    }
}
END
    nginx -e "$work/nginx.log" -c "$work/nginx.conf" &
    nginx=$!
    await curl -s -o "$work/answer" "http://127.0.0.1:$port/a"
}

# A wait that a change ends.
serves() {
    local index waiting
    index=$(curl -s -D - -o "$work/answer" "http://127.0.0.1:$port/a" |
        tr -d '\r' | sed -n 's/^X-Polling-Index: //p')
    curl -s -f -o "$work/told" "http://127.0.0.1:$port/a?index=$index&wait=30" &
    waiting=$!
    sleep 0.5
    curl -s -f -X PUT -H 'Content-Type: text/plain' --data-binary hello "http://127.0.0.1:$port/a" &&
        wait "$waiting" && [ "$(cat "$work/told")" = hello ]
}

# Both engines, and the probe, which finds nobody in here.
has_both_engines_and_the_probe() {
    local linked told
    linked=$("${run[@]}" exec "$name" ldd /usr/bin/fcgiwait /usr/libexec/fcgiwait/fcgiwait-probe)
    grep 'not found' <<<"$linked" && return 1
    grep libhiredis <<<"$linked" && grep libpq <<<"$linked" || return
    told=$("${run[@]}" exec "$name" fcgiwait --probe http://127.0.0.1:9/ --wait 1s)
    [ $? = 2 ] && grep 'nobody answers: ' <<<"$told"
}

is_confined() {
    "${run[@]}" exec "$name" sh -c '[ "$(id -u)" = 33 ] && ! touch /usr/x && ! touch /x &&
        grep "^CapEff:.0*$" /proc/1/status && grep "^NoNewPrivs:.1$" /proc/1/status'
}

stops_by_itself() {
    "${run[@]}" stop -t 30 "$name"
    [ "$("$tool" inspect --format '{{.State.ExitCode}}' "$name")" = 0 ] &&
        "$tool" logs "$name" 2>&1 | grep -q 'fcgiwait.*stopped$' && "$tool" rm "$name"
}

keeps_its_documents() {
    [ "$(curl -s "http://127.0.0.1:$port/a")" = hello ]
}

is_ill_without_fcgiwait() {
    "${run[@]}" exec "$name" sh -c 'mv /run/fcgiwait/fcgiwait.sock /run/fcgiwait/away' &&
        ! health && "${run[@]}" exec "$name" sh -c 'mv /run/fcgiwait/away /run/fcgiwait/fcgiwait.sock'
}

# Nginx is another machine then.
starts_over_tcp() {
    also=(-e "FCGI_WEB_SERVER_ADDRS=192.0.2.1,127.0.0.1" -e HEALTH_AT=127.0.0.1:9000)
    served=(-s :9000)
    start
}

is_asked_over_tcp() {
    "${run[@]}" exec "$name" sh -c '! test -e /run/fcgiwait/fcgiwait.sock' && health
}

trap clean_up EXIT
trap 'exit 143' TERM INT HUP
read_it
find_tool
judge 'there is a base' import_base
judge 'the source has been built in' make_context
judge 'it is built' build
[ "$status" = 0 ] || exit 1
find_runtime || skip "$tool can't run a container here: $(tail -n 1 "$work/runtime.log")"
judge 'it starts, and is healthy' start
judge 'a real nginx gets to it' start_nginx
judge 'a wait is ended by a change' serves
judge 'it is no root, has no capability, and writes nowhere else' is_confined
judge 'it has both engines and the probe' has_both_engines_and_the_probe
judge 'without its socket it is not healthy' is_ill_without_fcgiwait
judge 'it stops by itself, with status 0' stops_by_itself
judge 'it starts again' start
judge 'its documents are still there' keeps_its_documents
judge 'it stops once more' stops_by_itself
judge 'over TCP it starts, and is healthy' starts_over_tcp
judge 'nobody is asked but over TCP' is_asked_over_tcp
exit "$status"
