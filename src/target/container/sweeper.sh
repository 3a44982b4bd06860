# Removes what a run has made in the container engine. $1: the run, $2: the engine's address.
#
# Each line that is read names a container to be removed now; `over`: all is removed already. At the end of the file,
# whatever it came by, everything that has the run's label is removed, and tried again for a while where the engine is
# away: longer than a restart of it takes.
trap '' HUP INT QUIT PIPE ALRM TERM USR1 USR2 TSTP TTIN TTOU
label="paydrill.run=$1"
export DOCKER_HOST="$2"

if command -v docker >/dev/null; then
    remove_container() { docker rm -fv "$1"; }
    remove_network() { docker network rm "$1"; }
    remove_volume() { docker volume rm -f "$1"; }
    remove_image() { docker rmi -f --no-prune "$1"; }
    containers() { docker ps -aq --no-trunc --filter "label=$label"; }
    networks() { docker network ls -q --no-trunc --filter "label=$label"; }
    volumes() { docker volume ls -q --filter "label=$label"; }
    images() { docker image ls -q --no-trunc --filter "label=$label"; }
elif command -v curl >/dev/null; then
    case $2 in
    unix://*) call() { curl -sf --max-time 60 --unix-socket "${DOCKER_HOST#unix://}" "$@"; }; at=http://docker ;;
    *) call() { curl -sf --max-time 60 "$@"; }; at="http://${2#*://}" ;;
    esac
    remove_container() { call -X DELETE "$at/containers/$1?force=1&v=1"; }
    remove_network() { call -X DELETE "$at/networks/$1"; }
    remove_volume() { call -X DELETE "$at/volumes/$1?force=1"; }
    remove_image() { call -X DELETE "$at/images/$1?force=1&noprune=1"; }
    # The values of one key: one a line.
    list() {
        answer=$(call -G --data-urlencode "filters={\"label\":[\"$label\"]}" "$at/$1") || return 1
        printf '%s' "$answer" | grep -o "\"$2\":\"[^\"]*\"" | cut -d '"' -f 4
        return 0
    }
    containers() { list 'containers/json?all=1' Id; }
    networks() { list networks Id; }
    volumes() { list volumes Name; }
    images() { list images/json Id; }
else
    echo none
    exit 1
fi

# Whether nothing is left. That the engine is away does not mean so.
nothing_left() {
    c=$(containers) && n=$(networks) && v=$(volumes) && i=$(images) && [ -z "$c$n$v$i" ]
}

remove_all() {
    for id in $(containers); do remove_container "$id"; done
    for id in $(networks); do remove_network "$id"; done
    for id in $(volumes); do remove_volume "$id"; done
    for id in $(images); do remove_image "$id"; done
}

echo up
exec >/dev/null
while read -r id; do
    case $id in
    over) exit 0 ;;
    *) remove_container "$id" ;;
    esac
done
# However an engine hangs, this ends.
(sleep 180 && kill -KILL 0) &
# Twice: what the engine was about to make while we ended comes late.
for pass in 1 2; do
    remove_all
    until nothing_left; do
        sleep 1
        remove_all
    done
    [ "$pass" = 2 ] || sleep 2
done
kill -KILL 0
