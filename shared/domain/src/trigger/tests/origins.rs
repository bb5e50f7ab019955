//! Patchbay's own acts, bots, Apps, forks and drafts.

use super::samples::*;
use crate::event::Event;
use crate::trigger::{Decision, EventKind, Facts};
use serde_json::{Value, json};

const KINDS_FROM_FORKS: [EventKind; 4] = [EventKind::PullRequest, EventKind::WorkflowRun, EventKind::CheckRun, EventKind::CheckSuite];

fn by(actor: crate::event::Actor, mut event: Event) -> Event {
    event.actor = Some(actor);
    event
}

fn through_app(app: u64) -> Event {
    let mut event = comment("hello");
    event.comment.as_mut().unwrap().via_app = Some(app);
    event
}

#[test]
fn what_patchbay_does_itself_never_starts_anything() {
    let everything = json!({ "ignore_bots": false, "authors": ["*", "900", "app:90"] });
    let mut own_check = check(EventKind::CheckRun, "patchbay", Some("main"), "success");
    if let crate::event::Detail::Check(check) = &mut own_check.detail {
        check.app_id = Some(OWN_APP);
    }
    let events = [
        by(bot(OWN_BOT, "patchbay[bot]"), issue("opened")),
        by(bot(OWN_BOT, "patchbay[bot]"), push_branch("main")),
        by(bot(OWN_BOT, "patchbay[bot]"), pull_request("opened", "main")),
        by(person("patchbay[bot]"), through_app(OWN_APP)),
        own_check,
    ];
    for event in events {
        let kind = crate::trigger::kind_of(&event).unwrap();
        let reasons = sentences(decided(kind, everything.clone(), &event, &facts()));
        assert_eq!(reasons, ["event: Patchbay did this itself, and what it does starts nothing"], "{kind:?}");
    }
}

#[test]
fn an_event_of_nobody_is_not_taken_for_patchbays_own_while_its_account_is_unknown() {
    assert!(matches!(decided(EventKind::Manual, json!({}), &manual(None), &Facts::default()), Decision::Starts { .. }));
    assert!(matches!(decided(EventKind::Push, json!({}), &push_branch("main"), &Facts::default()), Decision::Starts { .. }));
}

#[test]
fn bots_and_apps_are_ignored_unless_all_are_let_in_or_this_one_by_its_id() {
    let renovate = || by(bot(29_139_614, "renovate[bot]"), issue("opened"));
    let somebody_through = || through_app(7);
    // filters, then: a bot of its own, a person through App 7
    let table: [(Value, bool, bool); 9] = [
        (json!({}), false, false),
        (json!({ "ignore_bots": true }), false, false),
        (json!({ "ignore_bots": false }), true, true),
        (json!({ "authors": ["*"] }), false, false),
        (json!({ "authors": ["renovate[bot]", "ada"] }), false, false),
        (json!({ "authors": ["29139614"] }), true, false),
        (json!({ "authors": ["app:7"] }), false, true),
        (json!({ "ignore_bots": false, "authors": ["renovate[bot]"] }), true, false),
        (json!({ "ignore_bots": false, "authors": ["*", "!renovate[bot]"] }), false, true),
    ];
    for (filters, own, through) in table {
        assert_eq!(starts(EventKind::Issues, filters.clone(), &renovate()), own, "{filters}");
        assert_eq!(starts(EventKind::IssueComment, filters.clone(), &somebody_through()), through, "{filters} through an App");
    }
}

#[test]
fn what_apps_tell_by_nature_counts_unless_bots_are_ignored() {
    for kind in [EventKind::WorkflowRun, EventKind::CheckRun, EventKind::CheckSuite] {
        let event = || by(bot(41_898_282, "github-actions[bot]"), check(kind, "CI", Some("main"), "failure"));
        assert!(starts(kind, json!({}), &event()), "{kind:?}");
        assert!(!starts(kind, json!({ "ignore_bots": true }), &event()), "{kind:?}");
    }
}

#[test]
fn who_is_named_by_id_is_still_kept_out_by_a_later_exclusion() {
    let filters = json!({ "authors": ["29139614", "!renovate[bot]"] });
    assert!(!starts(EventKind::Issues, filters, &by(bot(29_139_614, "renovate[bot]"), issue("opened"))));
}

#[test]
fn an_ignored_bot_is_told_how_it_is_let_in() {
    let event = by(bot(29_139_614, "renovate[bot]"), push_branch("main"));
    assert_eq!(
        sentences(decided(EventKind::Push, json!({}), &event, &facts())),
        ["ignore_bots: `renovate[bot]` is a bot or App; `ignore_bots: false` lets all of them pass, its id in `authors` this one"]
    );
}

#[test]
fn commits_from_a_fork_start_something_only_where_they_are_let_in() {
    for kind in KINDS_FROM_FORKS {
        let event = || match kind {
            EventKind::PullRequest => pull_request("opened", "main"),
            kind => check(kind, "CI", Some("main"), "failure"),
        };
        assert!(starts(kind, json!({}), &event()));
        for head in [Some(REPOSITORY + 1), None] {
            assert!(!starts(kind, json!({}), &from_fork(event(), head)), "{kind:?} {head:?}");
            assert!(!starts(kind, json!({ "forks": false }), &from_fork(event(), head)), "{kind:?} {head:?}");
            assert!(starts(kind, json!({ "forks": true }), &from_fork(event(), head)), "{kind:?} {head:?}");
        }
    }
    assert!(!starts(EventKind::PullRequestReview, json!({}), &from_fork(review("approved"), Some(6))));
    assert_eq!(
        sentences(decided(EventKind::PullRequest, json!({}), &from_fork(pull_request("opened", "main"), None), &facts())),
        ["forks: the commits come from a repository that is gone; `forks: true` lets them pass"]
    );
}

#[test]
fn forks_let_in_are_still_asked_for_permission() {
    let fork = from_fork(pull_request("opened", "main"), Some(6));
    let decision = decided(EventKind::PullRequest, json!({ "forks": true }), &fork, &Facts::default());
    assert_eq!(decision, Decision::Needs(crate::trigger::Need::Permission));
}

#[test]
fn drafts_are_told_from_what_is_ready() {
    let mut draft = pull_request("opened", "main");
    draft.subject.as_mut().unwrap().draft = true;
    let ready = pull_request("opened", "main");
    for (filters, of_draft, of_ready) in
        [(json!({}), true, true), (json!({ "draft": true }), true, false), (json!({ "draft": false }), false, true)]
    {
        assert_eq!(starts(EventKind::PullRequest, filters.clone(), &draft), of_draft, "{filters}");
        assert_eq!(starts(EventKind::PullRequest, filters.clone(), &ready), of_ready, "{filters}");
    }
    assert_eq!(
        sentences(decided(EventKind::PullRequest, json!({ "draft": false }), &draft, &facts())),
        ["draft: it is `a draft`, and `no draft` is asked for"]
    );
}
