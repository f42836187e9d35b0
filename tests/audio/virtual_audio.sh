#!/usr/bin/env bash
# A sound card in user space, for machines without one: a private PulseAudio with a speaker, a room and a
# microphone. The speaker is heard in the room, and so is whoever plays to the sink `room`; the microphone hears the
# room. PortAudio reaches it through ALSA's pulse plugin. Touches nothing outside DIR.
#
#   virtual_audio.sh start DIR            start it; prints NAME=VALUE lines, the environment of its clients
#   virtual_audio.sh echo DIR GAIN|off    how loud the speaker is at the microphone; 1.0 at the start
#   virtual_audio.sh unplug DIR mic|all   take the microphone away, or both
#   virtual_audio.sh plug DIR             put back what was taken
#   virtual_audio.sh stop DIR             stop it and remove DIR
#
# Needs, on Debian: pulseaudio pulseaudio-utils libasound2-plugins libportaudio2. DIR must be short: a socket is in it.
set -euo pipefail

verb=${1:?start, echo, unplug, plug or stop}
dir=${2:?a folder}

clients_environment() {
    echo "PULSE_SERVER=unix:$dir/native"
    echo "PULSE_COOKIE=$dir/cookie"
    echo "PULSE_RUNTIME_PATH=$dir"
    echo "PULSE_STATE_PATH=$dir/state"
    echo "PULSE_CLIENTCONFIG=$dir/client.conf"
    echo "ALSA_CONFIG_PATH=$dir/asound.conf"
}

control() { env $(clients_environment) pactl "$@"; }

write_configuration() {
    mkdir -p -m 700 "$dir" "$dir/state"
    echo 'autospawn = no' >"$dir/client.conf"
    # Nothing of the system's ALSA configuration, so that PortAudio finds exactly this one device.
    printf 'pcm.!default { type pulse hint { show on description "virtual audio" } }\nctl.!default { type pulse }\n' \
        >"$dir/asound.conf"
}

start_server() {
    # PULSE_SERVER is for clients: with it in its environment the daemon takes itself for one.
    env $(clients_environment | grep -v '^PULSE_SERVER=') HOME="$dir" XDG_RUNTIME_DIR="$dir" \
        setsid pulseaudio -n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disallow-exit=no \
        --log-target=stderr -L "module-native-protocol-unix socket=$dir/native auth-anonymous=1" \
        </dev/null >"$dir/log" 2>&1 &
    echo $! >"$dir/pid"
    for _ in $(seq 100); do
        control info >/dev/null 2>&1 && return
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
        sleep 0.05
    done
    cat "$dir/log" >&2
    exit 1
}

sink() {
    # norewinds: an idle null sink otherwise works in blocks of 2 s, and the first recording waits for one.
    control list short sinks | cut -f2 | grep -qx "$1" ||
        control load-module module-null-sink "sink_name=$1" rate=48000 channels=1 norewinds=1 >/dev/null
}

modules() { # of a name, with a piece of their arguments
    control list short modules | awk -F'\t' -v name="$1" -v piece="$2" '$2 == name && index($3, piece) { print $1 }'
}

drop() {
    local id
    for id in $(modules "$1" "$2"); do control unload-module "$id"; done
}

set_echo() {
    drop module-loopback source=speaker.monitor
    [ "$1" = off ] && return
    control load-module module-loopback source=speaker.monitor sink=room latency_msec=40 adjust_time=0 \
        source_dont_move=true sink_dont_move=true >/dev/null
    # PulseAudio's scale of volumes is cubic: a factor of g is 65536 * g^(1/3).
    control set-sink-input-volume "$(control list short sink-inputs | awk '/loopback/ { id = $1 } END { print id }')" \
        "$(awk -v g="$1" 'BEGIN { printf "%d", 65536 * exp(log(g) / 3) + 0.5 }')"
}

plug() {
    sink speaker
    sink room
    control list short sources | cut -f2 | grep -qx mic ||
        control load-module module-remap-source source_name=mic master=room.monitor channels=1 >/dev/null
    control set-default-sink speaker
    control set-default-source mic
    [ -n "$(modules module-loopback source=speaker.monitor)" ] || set_echo 1.0
}

unplug() {
    drop module-null-sink sink_name=room # and with it the microphone, which is made of it
    [ "$1" = mic ] || drop module-null-sink sink_name=speaker
}

case $verb in
start)
    write_configuration
    start_server
    plug
    # A real card keeps its time whatever the machine is doing; where it is allowed, so does this one. The server
    # drops a policy that it inherits, so its threads are given it afterwards.
    chrt --all-tasks --rr --pid 6 "$(cat "$dir/pid")" 2>/dev/null || true
    clients_environment
    ;;
echo) set_echo "${3:?a gain, or off}" ;;
unplug) unplug "${3:?mic or all}" ;;
plug) plug ;;
stop)
    # Not a signal that it may handle: a test may have frozen it.
    [ -e "$dir/pid" ] && kill -KILL "$(cat "$dir/pid")" 2>/dev/null || true
    rm -rf -- "$dir"
    ;;
*)
    echo "virtual_audio.sh: start, echo, unplug, plug or stop, not $verb" >&2
    exit 2
    ;;
esac
