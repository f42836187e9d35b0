"""The tools of a whole host: all of them are there, each refuses bad arguments, each does its work."""

import json
import time
from typing import Any

import pytest

from clawft.domain.recordings import wav_of
from clawft.drivers.tools.sandbox import why_no_sandbox
from tests.audio.spoken import needs_voices, said
from tests.drivers.test_shell import alive
from tests.scenarios.process import HostProcess

REFERENCE = {
    "read_file",
    "write_file",
    "edit_file",
    "list_directory",
    "memory_read",
    "memory_write",
    "web_search",
    "web_fetch",
    "message",
    "delegate_task",
    "render_ui",
    "voice_listen",
    "voice_speak",
    "audio_transcribe",
    "audio_synthesize",
    "cron",
    "skill_read",
}
SHELL = {"exec_shell", "spawn"}


def use(host: HostProcess, tool: str, key: str = "", **arguments: Any) -> str:
    key = key or host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
    said = f"Use the {tool} tool with {json.dumps(arguments)}"
    [call] = host.ok("POST", f"/api/sessions/{key}/messages", {"content": said})["tool_calls"]
    return str(call["result"])


def test_all_tools_are_there(host: HostProcess) -> None:
    names = {tool["name"] for tool in host.ok("GET", "/api/tools")}
    assert names >= REFERENCE
    assert (names >= SHELL) == (not why_no_sandbox())
    assert all(tool["schema"]["type"] == "object" for tool in host.ok("GET", "/api/tools"))


@pytest.mark.parametrize("tool", sorted(REFERENCE))
def test_bad_arguments_are_refused_in_a_sentence(host: HostProcess, tool: str) -> None:
    assert use(host, tool, no_such_argument=1).startswith(f"{tool} was not called: ")


@pytest.mark.parametrize("tool", ["voice_listen", "voice_speak"])
def test_the_voice_says_that_it_is_switched_off(host: HostProcess, tool: str) -> None:
    assert "switched off" in use(host, tool, **({"text": "hi"} if tool == "voice_speak" else {}))


@needs_voices
def test_words_become_a_recording_and_a_recording_words(host: HostProcess) -> None:
    assert "seconds of speech" in use(host, "audio_synthesize", text="The door is open.", path="a.wav")
    wave_file = host.data_dir / "workspace" / "a.wav"
    assert wave_file.read_bytes()[:4] == b"RIFF"
    pcm = said("go forward ten meters")
    wave_file.write_bytes(wav_of(16_000, pcm))
    assert "go forward ten meters" in use(host, "audio_transcribe", path="a.wav")
    wave_file.write_bytes(b"no sound at all")
    assert "no WAV file" in use(host, "audio_transcribe", path="a.wav")
    assert "does not exist" in use(host, "audio_transcribe", path="b.wav")


def test_a_message_is_said_where_it_is_addressed_to(host: HostProcess) -> None:
    there = host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
    assert "in the outbox for web" in use(host, "message", content="from elsewhere", to=there)
    for _ in range(100):
        if said := host.ok("GET", f"/api/sessions/{there}")["messages"]:
            break
        time.sleep(0.02)
    assert [(each["role"], each["content"]) for each in said] == [("assistant", "from elsewhere")]
    assert "there is no channel nowhere" in use(host, "message", content="x", channel="nowhere")
    assert "no session has the key" in use(host, "message", content="x", to="sess-none")


def test_jobs_are_added_shown_changed_and_removed(host: HostProcess) -> None:
    added = use(host, "cron", action="add", name="tidy", schedule="every day at 3:00", message="tidy up")
    id = added.removeprefix("added: ").split()[0]
    assert id in use(host, "cron", action="list")
    assert '"next_runs"' in use(host, "cron", action="show", id=id)
    assert "(disabled)" in use(host, "cron", action="change", id=id, enabled=False)
    assert "is removed" in use(host, "cron", action="remove", id=id)
    assert "needs the `id`" in use(host, "cron", action="show")
    assert "no job has the id" in use(host, "cron", action="run", id="cron-none")


@pytest.mark.skipif(bool(why_no_sandbox()), reason="there is no sandbox here")
def test_programs_in_the_background_are_their_sessions_and_end_with_the_host(host: HostProcess) -> None:
    key = host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
    started = use(host, "spawn", key, command="echo ready; sleep 4321.5")
    id = started.rsplit(" ", 1)[-1]
    for _ in range(100):
        if "ready" in (said := use(host, "spawn", key, action="output", id=id)):
            break
        key = (
            host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
            if "has the id" in said
            else key
        )
        time.sleep(0.05)
    assert "ready" in said
    assert f"{id} running" in use(host, "spawn", key, action="list")
    assert "no program in the background has the id" in use(host, "spawn", action="output", id=id)
    assert alive("sleep 4321.5")
    assert "has ended" in use(host, "spawn", key, action="stop", id=id)
    assert not alive("sleep 4321.5")
