use super::*;
use patchbay_domain::change_set::Change;

fn report(end: ProcessEnd) -> Report {
    Report { number: 1, agent: "a".into(), end, answer: None, said: String::new(), tail: String::new(), isolation: Vec::new() }
}

fn done() -> Report {
    report(ProcessEnd::Exited { code: 0 })
}

fn said(reply: &str) -> Record {
    Record { calls: 1, last: Some(CallEnd::Answered), reply: Some(reply.into()) }
}

fn one_file() -> Vec<FileChange> {
    vec![FileChange { path: "a".into(), change: Change::Delete }]
}

#[test]
fn mode_tree_and_words_decide() {
    let check = |mode, files: Vec<FileChange>, record: &Record, expected: &str| {
        let name = match verdict(mode, &done(), record, files) {
            Verdict::Changes(_) => "changes".to_owned(),
            Verdict::Answer(text) => format!("answer {text}"),
            Verdict::Failed(failure) => format!("{:?}", failure.code),
        };
        assert_eq!(name, expected, "{mode:?}");
    };
    let (words, none) = (said("hm"), Record::default());
    check(Mode::Change, one_file(), &words, "changes");
    check(Mode::Change, vec![], &words, "NothingToDo");
    check(Mode::Change, vec![], &none, "AgentCrashed");
    check(Mode::Change, vec![], &Record { reply: None, ..words.clone() }, "NothingToDo");
    check(Mode::Auto, one_file(), &words, "changes");
    check(Mode::Auto, vec![], &words, "answer hm");
    check(Mode::Auto, vec![], &none, "AgentCrashed");
    check(Mode::Ask, one_file(), &words, "answer hm");
    check(Mode::Ask, one_file(), &none, "AgentCrashed");
}

#[test]
fn an_end_that_was_not_the_agents_own_is_a_failure_whatever_the_tree_holds() {
    let check = |end: ProcessEnd, tail: &str, expected: Option<FailureCode>| {
        let end = AgentEnd::Reported(Box::new(Report { tail: tail.into(), ..report(end) }));
        assert_eq!(cut_off(&end, &said("x")).map(|f| f.code), expected, "{end:?}");
    };
    check(ProcessEnd::Exited { code: 0 }, "", None);
    check(ProcessEnd::Exited { code: 1 }, "Traceback", None);
    check(ProcessEnd::Exited { code: 1 }, "Traceback\nMemoryError", Some(FailureCode::OutOfMemory));
    check(ProcessEnd::Exited { code: 1 }, "OSError: [Errno 28] No space left on device", Some(FailureCode::DiskFull));
    check(ProcessEnd::Killed { signal: 9 }, "", Some(FailureCode::OutOfMemory));
    check(ProcessEnd::Killed { signal: 11 }, "", Some(FailureCode::AgentCrashed));
    check(ProcessEnd::OutOfMemory, "", Some(FailureCode::OutOfMemory));
    check(ProcessEnd::Missing { program: "aider".into() }, "", Some(FailureCode::AgentMissing));
    check(ProcessEnd::NotStarted { detail: "No space left on device".into() }, "", Some(FailureCode::DiskFull));
    check(ProcessEnd::NotStarted { detail: "no home".into() }, "", Some(FailureCode::AgentCrashed));
}

#[test]
fn the_agents_container_and_the_models_last_call_say_why_it_was_cut_off() {
    let mut refused = said("x");
    refused.note(CallEnd::Refused("no such model".into()));
    let mut budget = Record::default();
    budget.note(CallEnd::Budget("spent".into()));
    let check = |end: AgentEnd, record: &Record, expected| assert_eq!(cut_off(&end, record).map(|f| f.code), Some(expected), "{end:?}");
    check(AgentEnd::Reported(Box::new(done())), &refused, FailureCode::ModelRefused);
    check(AgentEnd::Cut, &budget, FailureCode::Budget);
    check(AgentEnd::Deadline, &refused, FailureCode::TimedOut);
    check(AgentEnd::Gone, &Record::default(), FailureCode::OutOfMemory);
    check(AgentEnd::NeverCame, &Record::default(), FailureCode::AgentCrashed);
}

#[test]
fn a_declared_answer_beats_the_models_words_and_those_beat_the_printout() {
    let mut report = Report { answer: Some("declared".into()), said: "printed".into(), ..done() };
    assert_eq!(reply(&report, &said("model")).as_deref(), Some("declared"));
    report.answer = Some("  ".into());
    assert_eq!(reply(&report, &said("model")).as_deref(), Some("model"));
    assert_eq!(reply(&report, &Record::default()).as_deref(), Some("printed"));
    report.said.clear();
    assert_eq!(reply(&report, &Record::default()), None);
}

#[test]
fn cutting_counts_characters_and_leaves_a_mark() {
    assert_eq!(cut("grün", 4), "grün");
    assert_eq!(cut("grüne", 3), "grü…");
}

#[test]
fn a_setup_command_fails_by_its_own_end_or_by_whatever_cut_it_off() {
    let check = |end: AgentEnd, record: &Record, expected: Option<(FailureCode, &str)>| {
        let failure = setup_failure("npm ci", &end, record);
        assert_eq!(failure.as_ref().map(|f| f.code), expected.map(|e| e.0), "{end:?}");
        assert!(expected.is_none_or(|e| failure.is_some_and(|f| f.detail.contains(e.1))), "{end:?}");
    };
    let reported = |end: ProcessEnd, tail: &str| AgentEnd::Reported(Box::new(Report { tail: tail.into(), ..report(end) }));
    let mut budget = Record::default();
    budget.note(CallEnd::Budget("spent".into()));
    let none = Record::default();
    check(reported(ProcessEnd::Exited { code: 0 }, "MemoryError"), &none, None);
    check(
        reported(ProcessEnd::Exited { code: 1 }, "MemoryError"),
        &none,
        Some((FailureCode::SetupFailed, "`npm ci` ended with exit code 1.")),
    );
    check(reported(ProcessEnd::Exited { code: 1 }, ""), &none, Some((FailureCode::SetupFailed, "printed nothing")));
    check(reported(ProcessEnd::Killed { signal: 11 }, "x"), &none, Some((FailureCode::SetupFailed, "signal 11")));
    check(reported(ProcessEnd::OutOfMemory, "x"), &none, Some((FailureCode::OutOfMemory, "memory")));
    check(AgentEnd::Deadline, &none, Some((FailureCode::TimedOut, "`npm ci` was still at work")));
    check(AgentEnd::Gone, &none, Some((FailureCode::OutOfMemory, "container")));
    check(AgentEnd::Cut, &budget, Some((FailureCode::Budget, "spent")));
}
