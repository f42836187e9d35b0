#!/usr/bin/env bash
# A sound card in user space, for machines without one: a private PulseAudio with a speaker and a microphone that
# hears what the speaker plays. PortAudio reaches it through ALSA's pulse plugin. Touches nothing outside DIR.
#
#   virtual_audio.sh start DIR     start it; prints NAME=VALUE lines, the environment of its clients
#   virtual_audio.sh stop DIR      stop it and remove DIR
#
# Needs, on Debian: pulseaudio pulseaudio-utils libasound2-plugins libportaudio2. DIR must be short: a socket is in it.
set -euo pipefail

verb=${1:?start or stop}
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

add_devices() {
    # norewinds: an idle null sink otherwise works in blocks of 2 s, and the first recording waits for one.
    control load-module module-null-sink sink_name=speaker rate=48000 channels=1 norewinds=1 >/dev/null
    control load-module module-remap-source source_name=mic master=speaker.monitor channels=1 >/dev/null
    control set-default-sink speaker
    control set-default-source mic
}

case $verb in
start)
    write_configuration
    start_server
    add_devices
    clients_environment
    ;;
stop)
    # Not a signal that it may handle: a test may have frozen it.
    [ -e "$dir/pid" ] && kill -KILL "$(cat "$dir/pid")" 2>/dev/null || true
    rm -rf -- "$dir"
    ;;
*)
    echo "virtual_audio.sh: start or stop, not $verb" >&2
    exit 2
    ;;
esac
