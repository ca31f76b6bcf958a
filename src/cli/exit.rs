//! Exit statuses of the program.

/// The exit status of `git coord`, which scripts may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ExitStatus {
    /// Done. An empty queue is success with an empty list.
    Done = 0,
    /// It failed: bad state, bad input, I/O.
    Failed = 1,
    /// The words of the call are wrong.
    Usage = 2,
    /// What was held is not held any longer; nothing was changed.
    Lost = 3,
    /// Another session holds it; nothing was changed.
    Held = 4,
    /// A rule says no.
    Refused = 5,
    /// The remote could not be reached, or its answer did not come. The command is safe to repeat.
    Remote = 6,
    /// Interrupted; nothing is half done.
    Interrupted = 130,
}

impl ExitStatus {
    /// All of them, with what they mean, for documents.
    pub const ALL: [(ExitStatus, &'static str); 8] = [
        (ExitStatus::Done, "Done. An empty queue is success with an empty list."),
        (ExitStatus::Failed, "It failed: bad state, bad input, I/O."),
        (ExitStatus::Usage, "The words of the call are wrong."),
        (ExitStatus::Lost, "What was held is not held any longer. Nothing was changed."),
        (ExitStatus::Held, "Another session holds it. Nothing was changed."),
        (ExitStatus::Refused, "A rule says no."),
        (
            ExitStatus::Remote,
            "The remote could not be reached or its answer did not come. The command is safe to repeat.",
        ),
        (ExitStatus::Interrupted, "Interrupted. Nothing is half done."),
    ];

    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        status.code().into()
    }
}
