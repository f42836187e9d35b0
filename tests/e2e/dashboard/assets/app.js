// What every dashboard does: mint a token, talk to REST, hear the WebSocket. Served by the host, under its CSP.
const element = (id) => document.getElementById(id);

async function call(method, path, body) {
  const headers = {Authorization: `Bearer ${token}`};
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, {method, headers, body: body && JSON.stringify(body)});
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

const minted = await fetch("/api/auth/token", {method: "POST"});
const {token} = await minted.json();
const {key} = await call("POST", "/api/sessions", {agent_id: "general-agent"});

const socket = new WebSocket(`ws://${location.host}/ws`, ["clawft", `clawft.bearer.${token}`]);
socket.onopen = () => socket.send(JSON.stringify({type: "subscribe", topic: `session:${key}`}));
socket.onmessage = ({data}) => {
  const frame = JSON.parse(data);
  if (frame.type === "subscribed") element("state").textContent = `ready ${socket.protocol}`;
  if (frame.type === "stream_chunk") element("stream").textContent += frame.content;
  if (frame.type === "stream_done") element("state").textContent = "done";
};

element("path").textContent = location.pathname;
element("form").onsubmit = async (event) => {
  event.preventDefault();
  const answer = await call("POST", `/api/sessions/${key}/messages`, {content: element("text").value});
  element("answer").textContent = answer.content;
};
