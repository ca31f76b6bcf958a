//! The formats, in the order in which they are tried. The ones that take nearly anything are last.

use std::fmt;
use std::io::BufRead;
use std::str::FromStr;

use super::collect::Collector;
use super::csv::ColumnMap;
use super::json::{self, exchange, linters, scanners};
use super::sniff::Head;
use super::{ImportError, cargo, csv, jsonl, list, markdown, sarif, text, tracker, xml};

/// Reads a whole input into a collector.
pub(super) type Reader = fn(Box<dyn BufRead + '_>, &mut Collector<'_>) -> Result<(), ImportError>;

/// What a format brings.
pub(super) struct Spec {
    /// The word for the command line.
    pub(super) name: &'static str,
    /// What writes it, for lists that people read.
    pub(super) about: &'static str,
    /// True for a content that begins like this format.
    pub(super) sniff: fn(&Head) -> bool,
    pub(super) read: Read,
    /// What was passed over, in the plural.
    pub(super) skipped: &'static str,
}

impl Spec {
    /// A format without a name, for `..Spec::DEFAULT`.
    pub(super) const DEFAULT: Spec = Spec {
        name: "",
        about: "",
        sniff: |_| false,
        read: Read::Json(&[]),
        skipped: "results that are not findings",
    };
}

/// How a format is read.
pub(super) enum Read {
    /// By a reader of its own.
    By(Reader),
    /// By tables of the fields of a JSON document.
    Json(&'static [json::Row]),
    /// By a table of the elements of an XML document.
    Xml(&'static xml::Lint),
}

macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident = $spec:expr;)*) => {
        /// A format of findings or tasks, in the order in which they are tried.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Format {
            $($(#[$doc])* $variant,)*
        }

        impl Format {
            /// All formats.
            pub const ALL: &[Format] = &[$(Format::$variant,)*];

            fn spec(self) -> &'static Spec {
                match self {
                    $(Format::$variant => &$spec,)*
                }
            }
        }
    };
}

formats! {
    /// SARIF 2.1.0, which most scanners write.
    Sarif = sarif::SPEC;
    /// `ruff check --output-format json-lines`, or `json`.
    Ruff = linters::RUFF;
    /// `eslint --format json`.
    Eslint = json::ESLINT;
    /// `cargo … --message-format=json`.
    Cargo = cargo::SPEC;
    /// golangci-lint.
    GolangciLint = linters::GOLANGCI;
    /// pylint's JSON.
    Pylint = linters::PYLINT;
    /// bandit's JSON.
    Bandit = linters::BANDIT;
    /// semgrep's JSON.
    Semgrep = linters::SEMGREP;
    /// pyright's JSON.
    Pyright = linters::PYRIGHT;
    /// mypy's JSON lines.
    Mypy = linters::MYPY;
    /// rubocop's JSON.
    Rubocop = linters::RUBOCOP;
    /// phpstan's JSON.
    Phpstan = linters::PHPSTAN;
    /// stylelint's JSON.
    Stylelint = linters::STYLELINT;
    /// shellcheck's JSON.
    Shellcheck = linters::SHELLCHECK;
    /// hadolint's JSON.
    Hadolint = linters::HADOLINT;
    /// biome's JSON.
    Biome = linters::BIOME;
    /// reviewdog's formats.
    Rdjson = exchange::RDJSON;
    /// oxlint's JSON.
    Oxlint = linters::OXLINT;
    /// Code Climate, and so GitLab's code quality.
    CodeClimate = exchange::CODE_CLIMATE;
    /// SonarQube's generic external issues.
    SonarExternal = exchange::SONAR_EXTERNAL;
    /// Issues of a SonarQube server.
    Sonarqube = exchange::SONAR;
    /// npm audit.
    NpmAudit = scanners::NPM;
    /// cargo audit.
    CargoAudit = scanners::CARGO_AUDIT;
    /// GitLab's security reports.
    GitlabSecurity = exchange::GITLAB_SECURITY;
    /// pip-audit.
    PipAudit = scanners::PIP_AUDIT;
    /// OSV-Scanner.
    OsvScanner = scanners::OSV;
    /// Trivy.
    Trivy = scanners::TRIVY;
    /// `go test -json`.
    GoTest = json::go_test::SPEC;
    /// `gh issue list --json`, and GitHub's API.
    GithubIssues = tracker::github::SPEC;
    /// Task Master's `tasks.json`.
    TaskMaster = tracker::task_master::SPEC;
    /// beads' `issues.jsonl`.
    Beads = tracker::beads::SPEC;
    /// Taskwarrior's export.
    Taskwarrior = tracker::taskwarrior::SPEC;
    /// Checkstyle's XML, which many linters write.
    Checkstyle = xml::lint::CHECKSTYLE;
    /// JUnit's XML: the tests that failed.
    Junit = xml::junit::SPEC;
    /// Visual Studio's test results.
    Trx = xml::results::TRX;
    /// NUnit 3.
    Nunit = xml::results::NUNIT;
    /// xUnit.net 2.
    Xunit = xml::results::XUNIT;
    /// PMD's XML.
    Pmd = xml::lint::PMD;
    /// SpotBugs' XML.
    Spotbugs = xml::lint::SPOTBUGS;
    /// Cppcheck's XML.
    Cppcheck = xml::lint::CPPCHECK;
    /// Android lint's XML.
    AndroidLint = xml::lint::ANDROID_LINT;
    /// A task of Backlog.md.
    BacklogMd = list::backlog_md::SPEC;
    /// Headlines of Org mode.
    Org = list::org::SPEC;
    /// A table with a header.
    Csv = csv::SPEC;
    /// A task list in Markdown.
    Markdown = markdown::SPEC;
    /// todo.txt.
    TodoTxt = list::todo_txt::SPEC;
    /// What `tsc` prints.
    Tsc = text::msbuild::TSC;
    /// What MSBuild, .NET and MSVC print.
    Msbuild = text::msbuild::SPEC;
    /// Annotations of GitHub Actions.
    Actions = text::actions::SPEC;
    /// What GCC, Clang, mypy and many others print.
    Gcc = text::gcc::SPEC;
    /// `file:line: message` of all other linters.
    Lines = text::unix::SPEC;
    /// Our own: one item a line, or an array of items.
    Jsonl = jsonl::SPEC;
}

impl Format {
    /// The word for the command line.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// What writes it.
    pub fn about(self) -> &'static str {
        self.spec().about
    }

    /// What an import of it passes over, in the plural.
    pub fn skipped(self) -> &'static str {
        self.spec().skipped
    }

    /// True for a list of work, in contrast to a report of a tool.
    pub fn is_list(self) -> bool {
        use Format::{
            BacklogMd, Beads, Csv, GithubIssues, Jsonl, Markdown, Org, TaskMaster, Taskwarrior, TodoTxt,
        };
        matches!(
            self,
            BacklogMd
                | Beads
                | Csv
                | GithubIssues
                | Jsonl
                | Markdown
                | Org
                | TaskMaster
                | Taskwarrior
                | TodoTxt
        )
    }

    /// True when its fields have names that the user can map (`--map`).
    pub(super) fn has_columns(self) -> bool {
        matches!(self, Format::Csv | Format::Jsonl)
    }

    /// The format of a content that begins with `head`, when one recognises it. Who maps columns has a table, or
    /// objects, of their own.
    pub(super) fn detect(head: &Head, map: &ColumnMap) -> Option<Self> {
        if !map.is_empty() {
            return Some(if head.is_json() { Format::Jsonl } else { Format::Csv });
        }
        Self::ALL.iter().copied().find(|format| (format.spec().sniff)(head))
    }

    pub(super) fn read(
        self,
        input: Box<dyn BufRead + '_>,
        collector: &mut Collector<'_>,
    ) -> Result<(), ImportError> {
        match self.spec().read {
            Read::By(reader) => reader(input, collector),
            Read::Json(rows) => json::read(rows, input, collector),
            Read::Xml(lint) => xml::lint::read(lint, input, collector),
        }
    }
}

/// The names of all formats, for messages.
pub(super) fn names() -> String {
    Format::ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The word is not the name of a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a known format: use {list}", list = names())]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let named = Format::ALL.iter().copied().find(|f| f.name() == text);
        named.ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
