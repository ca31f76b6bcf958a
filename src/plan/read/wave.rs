//! `[[wave]]`.

use crate::model::plan::{Located, Wave};
use crate::plan::problem::{Code, Problems};
use crate::plan::table::Table;

pub(super) fn read(problems: &mut Problems<'_>, mut table: Table<'_, '_>) -> Wave {
    let day = table.number(problems, "day");
    if let Some(day) = &day
        && day.value == 0
    {
        problems.add(day.at, Code::Day, table.field("day"), "days are counted from 1");
    }
    let wave = Wave {
        place: Located::new((), table.at),
        title: table.string(problems, "title").map(|s| s.value),
        day: day.map(|d| d.value),
        merge: table.strings(problems, "merge"),
        gates: table.strings(problems, "gates"),
        before: table.strings(problems, "before"),
        result: table.string(problems, "result").map(|s| s.value),
        finish: table.boolean(problems, "finish").is_some_and(|b| b.value),
    };
    if wave.merge.is_empty() && !table.has("merge") {
        table.wrong(problems, "merge", Code::Missing, "a wave merges something: merge = [\"ID\"]");
    }
    table.finish(problems);
    wave
}
