// Written by: git coord setup opencode. It asks git-coord before a tool runs, and passes its answer on.
import { spawnSync } from "node:child_process";

const command = "@COMMAND@";

function ask(event) {
  const run = spawnSync(command[0], command.slice(1), { input: JSON.stringify(event), encoding: "utf8", timeout: 10000 });
  // A git-coord that is gone, or fails, stops nobody.
  if (run.error || run.status !== 0 || !run.stdout) return;
  let answer;
  try {
    answer = JSON.parse(run.stdout);
  } catch {
    return;
  }
  if (answer.decision === "deny") throw new Error(answer.reason);
}

export const GitCoord = async ({ directory, worktree }) => ({
  "tool.execute.before": async (input, output) =>
    ask({ hook_event_name: "tool.execute.before", ...input, args: output.args, directory, worktree }),
  "tool.execute.after": async (input) =>
    ask({ hook_event_name: "tool.execute.after", ...input, directory, worktree }),
  "execute.before": async (input) => ask({ hook_event_name: "execute.before", ...input, directory, worktree }),
  event: async ({ event }) => {
    const sessionID = event.properties?.sessionID ?? event.properties?.info?.id;
    if (event.type === "session.created" || event.type === "session.deleted") {
      ask({ hook_event_name: event.type, sessionID, directory, worktree });
    }
  },
});
