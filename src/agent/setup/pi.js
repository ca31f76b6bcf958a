// Written by: git coord setup pi. It asks git-coord before a tool runs, and passes its answer on.
import { spawnSync } from "node:child_process";

const command = "@COMMAND@";

function ask(event) {
  const run = spawnSync(command[0], command.slice(1), { input: JSON.stringify(event), encoding: "utf8", timeout: 10000 });
  // A git-coord that is gone, or fails, stops nobody.
  if (run.error || run.status !== 0 || !run.stdout) return undefined;
  try {
    const answer = JSON.parse(run.stdout);
    return answer.decision === "deny" ? { block: true, reason: answer.reason } : undefined;
  } catch {
    return undefined;
  }
}

export default function (pi) {
  pi.on("tool_call", async (event, ctx) =>
    ask({
      hook_event_name: "tool_call",
      toolName: event.toolName,
      input: event.input,
      toolCallId: event.toolCallId,
      sessionId: ctx.sessionManager?.getSessionId?.(),
      cwd: ctx.cwd,
    }));
}
