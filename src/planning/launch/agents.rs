//! How agent programs are started with a first prompt. Flags that skip a program's own questions
//! are never added: that is its user's decision.

use crate::model::plan::Workstream;
use crate::planning::State;

/// The program's name, and its words; `{prompt}` stands for the prompt.
const AGENTS: [(&str, &[&str]); 9] = [
    ("claude", &["claude", "{prompt}"]),
    ("codex", &["codex", "{prompt}"]),
    ("gemini", &["gemini", "-i", "{prompt}"]),
    ("qwen", &["qwen", "-i", "{prompt}"]),
    ("copilot", &["copilot", "-i", "{prompt}"]),
    ("opencode", &["opencode", "--prompt", "{prompt}"]),
    ("cursor", &["cursor-agent", "{prompt}"]),
    ("auggie", &["auggie", "{prompt}"]),
    ("droid", &["droid", "{prompt}"]),
];

/// The command line of an agent program with a prompt, for a shell; a name that is not known is a
/// command itself, in which `{prompt}` is replaced.
pub fn command_for(agent: &str, prompt: &str) -> String {
    let quote = |word: &str| shlex::try_quote(word).map_or_else(|_| word.to_owned(), |w| w.into_owned());
    match AGENTS.iter().find(|(name, _)| *name == agent) {
        Some((_, words)) => {
            let filled =
                words.iter().map(|word| if *word == "{prompt}" { quote(prompt) } else { (*word).to_owned() });
            filled.collect::<Vec<_>>().join(" ")
        }
        None => agent.replace("{prompt}", &quote(prompt)),
    }
}

/// The command that works on a workstream.
pub(super) fn command(state: &State, workstream: &Workstream, exec: Option<&str>, file: &str) -> String {
    let prompt = format!("Read {file} and begin the workstream");
    let header = state.plan().plan.as_ref();
    let agent =
        exec.map(str::to_owned).or_else(|| workstream.agent.clone()).or_else(|| header?.agent.clone());
    agent.map(|agent| command_for(&agent, &prompt)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::command_for;

    #[test]
    fn a_prompt_is_one_word_of_the_shell() {
        assert_eq!(command_for("claude", "it's time"), "claude \"it's time\"");
        assert_eq!(command_for("gemini", "go on"), "gemini -i 'go on'");
        assert_eq!(command_for("my-agent --p {prompt}", "a b"), "my-agent --p 'a b'");
        assert_eq!(command_for("bash", "a b"), "bash");
    }
}
