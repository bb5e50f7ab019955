//! The recipes in which an agent works. The scripted agent finds its script where the recipe's prompt brings text from
//! outside: an issue, a diff, a release, a commit; where it brings none, in `scripted.md`.

use super::Scene;
use crate::world::PATIENCE;
use anyhow::{Context, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use patchbay::stack::forge::PERSON;
use patchbay_domain::run::plan::StepStatus;
use patchbay_domain::task::FailureCode;
use patchbay_domain::trigger::Cron;
use std::collections::BTreeMap;

/// What stands in for npm, which not every machine has: `ci` installs what the lock file names, `test` wants that to have
/// been done.
const NPM: &str = r#"
case "$1" in
ci) grep -q greetings package-lock.json && mkdir -p node_modules && touch node_modules/greetings ;;
test) test -f node_modules/greetings && grep -qx 4 src/sum.txt ;;
esac
"#;
/// A project whose tests pass.
const PROJECT: [(&str, &str); 5] = [
    ("npm", NPM),
    (".gitignore", "node_modules\n"),
    ("package-lock.json", "{ \"packages\": { \"greetings\": {} } }\n"),
    ("src/sum.txt", "4\n"),
    ("CONTRIBUTING.md", "Sums are written in digits.\n"),
];

/// How the recipe calls it, and how it is called here.
const CALLED: (&str, &str) = ("npm ", "sh ./npm ");

fn script(lines: &[&str]) -> String {
    format!("```script\n{}\n```\n", lines.join("\n"))
}

pub(super) async fn a_strangers_issue_gets_labels(scene: &Scene<'_>) -> Result<()> {
    scene.repository_with(&[("README.md", "# Issues\n")])?;
    scene.github().set_private(&scene.repository, false)?;
    scene.github().create_user("stranger")?;
    scene.in_force().await?;
    let open = |title: &str, answer: &str| {
        let body = format!("It is as I say.\n\n{}", script(&[&format!("answer {answer}")]));
        scene.github().open_issue(&scene.repository, "stranger", title, &body, &[])
    };
    let (both, other) = (open("It crashes, why?", "bug, question")?, open("It could sing", "feature")?);
    let neither = open("Hello", "spam [urgent]")?;
    scene.labels(both, &["bug", "question"]).await?;
    scene.labels(other, &["enhancement"]).await?;
    scene.world.settle().await?;
    scene.labels(neither, &[]).await?;
    for number in [both, other, neither] {
        ensure!(scene.comments(number).is_empty(), "the answer only chooses");
    }
    Ok(())
}

pub(super) async fn a_label_becomes_a_change(scene: &Scene<'_>) -> Result<()> {
    scene.repository_with(&PROJECT)?;
    scene.in_force_with(CALLED.0, CALLED.1).await?;
    let words = script(&["write src/more.txt 4 and 4", "run cat ~/read/CONTRIBUTING.md"]);
    let number = scene.github().open_issue(&scene.repository, PERSON, "Write more sums", &words, &[])?;
    scene.github().label(&scene.repository, number, PERSON, "patchbay")?;
    let pull = scene.change_of(&["src/more.txt"]).await?;
    ensure!(pull.draft && pull.body.contains("Sums are written in digits."), "{pull:#?}");
    scene.comment_with(number, &pull.url).await?;
    scene.labels(number, &[]).await
}

/// The page has its script beside the line that changes, so that the diff shows it.
pub(super) async fn one_comment_says_what_is_wrong(scene: &Scene<'_>) -> Result<()> {
    let page = |answer: &str, line: &str| format!("{}{line}\n", script(&[&format!("answer {answer}")]));
    let (wrong, worse, right) = ("- docs/wrong.md: no such option", "- docs/also.md: no such file", "Fine.");
    let pages =
        [("docs/also.md", worse), ("docs/wrong.md", wrong), ("docs/right.md", right)].map(|(path, says)| (path, page(says, "Use -x.")));
    let files: Vec<(&str, &str)> = pages.iter().map(|(path, text)| (*path, text.as_str())).collect();
    scene.repository_with(&files)?;
    scene.in_force().await?;
    let number = scene.propose("wrong", "Say it shorter", "docs/wrong.md", &page(wrong, "-x"))?;
    let fine = scene.propose("right", "Say it shorter", "docs/right.md", &page(right, "-x"))?;
    let draft = scene.propose("draft", "An idea", "docs/drafts/wrong.md", &page(wrong, "-x"))?;
    let comment = scene.comment_with(number, wrong).await?;
    scene.world.settle().await?;
    ensure!(scene.comments(fine).is_empty() && scene.comments(draft).is_empty(), "nothing is said where there is nothing to say");

    // What is pushed is read when the cooldown is over.
    scene.push("wrong", "Say more shorter", "docs/also.md", &page(worse, "-x"))?;
    scene.world.settle().await?;
    ensure!(scene.comments(number) == [comment.clone()], "within the cooldown");
    scene.seen_in_time("a second look", || scene.comments(number).iter().any(|comment| comment.body.contains(worse))).await?;
    scene.world.settle().await?;
    let comments = scene.comments(number);
    ensure!(comments.len() == 1 && comments[0].id == comment.id, "{comments:#?}");
    Ok(())
}

pub(super) async fn a_release_becomes_a_section_of_the_changelog(scene: &Scene<'_>) -> Result<()> {
    scene.repository_with(&[("CHANGELOG.md", "# Changelog\n\n## v1.0.0\n\n- First.\n"), ("README.md", "# Releases\n\nRead me.\n")])?;
    scene.in_force().await?;
    let release = |tag: &str, script: &str| scene.github().publish_release(&scene.repository, PERSON, tag, tag, script);
    let write = r"write CHANGELOG.md # Changelog\n\n## v1.1.0\n\n- More.\n\n## v1.0.0\n\n- First.\n";
    release("v1.1.0-rc.1", &script(&[write]))?;
    scene.world.settle().await?;
    ensure!(scene.changes().is_empty(), "no release candidate has a section");
    release("v1.1.0", &format!("- More.\n\n{}", script(&[write, "run cat ~/read/README.md"])))?;
    let pull = scene.change_of(&["CHANGELOG.md"]).await?;
    ensure!(scene.proposed(&pull, "CHANGELOG.md").contains("## v1.1.0\n\n- More.\n"), "{pull:#?}");
    ensure!(pull.body.contains("Read me."), "{pull:#?}");
    release("v1.2.0", &script(&["append CHANGELOG.md more", "write README.md # Mine"]))?;
    scene.world.settle().await?;
    scene.change_of(&["CHANGELOG.md"]).await.context("what touches another file is refused").map(drop)
}

pub(super) async fn a_failed_test_becomes_a_change(scene: &Scene<'_>) -> Result<()> {
    scene.repository_with(&PROJECT)?;
    scene.in_force_with(CALLED.0, CALLED.1).await?;
    let message = format!("Sum up differently\n\n{}", script(&["write src/sum.txt 4"]));
    scene.push("main", &message, "src/sum.txt", "5\n")?;
    let ends = |name: &str, conclusion: &str| scene.github().finish_workflow_run(&scene.repository, PERSON, name, "main", conclusion);
    ends("test", "cancelled")?;
    ends("deploy", "failure")?;
    scene.world.settle().await?;
    ensure!(scene.changes().is_empty(), "neither is a failed test");
    ends("test", "failure")?;
    let pull = scene.change_of(&["src/sum.txt"]).await?;
    ensure!(pull.draft && scene.proposed(&pull, "src/sum.txt") == "4\n", "{pull:#?}");
    ends("test", "timed_out")?;
    scene.change_of(&["src/sum.txt"]).await.context("an hour has one try").map(drop)
}

pub(super) async fn monday_corrects_the_answers(scene: &Scene<'_>) -> Result<()> {
    let answers = script(&[r"write docs/faq.md # Questions\n\nDoes it sing? Yes."]);
    scene.repository_with(&[("docs/faq.md", "# Questions\n\nDoes it sing? No.\n"), ("scripted.md", &answers)])?;
    scene.in_force().await?;
    let monday = Cron::parse("0 5 * * MON")?.next_after(Timestamp::now()).context("a Monday")?;
    scene.world.stack.tick_at("run-reaper", monday - SignedDuration::from_mins(1)).await?;
    scene.world.settle().await?;
    ensure!(scene.changes().is_empty(), "it is not five yet");
    scene.world.stack.tick_at("run-reaper", monday).await?;
    let pull = scene.change_of(&["docs/faq.md"]).await?;
    ensure!(scene.proposed(&pull, "docs/faq.md").contains("Yes."), "{pull:#?}");
    Ok(())
}

pub(super) async fn the_night_and_a_hand_start_the_task(scene: &Scene<'_>) -> Result<()> {
    scene.repository_with(&PROJECT)?;
    scene.push("main", "Say what is done at night", "scripted.md", &script(&["append src/dependencies.txt greetings 1.1"]))?;
    let mut diary = 0;
    while diary < 12 {
        diary = scene.github().open_issue(&scene.repository, PERSON, "What happens at night", "", &[])?;
    }
    scene.in_force_with(CALLED.0, CALLED.1).await?;
    let night = Cron::parse("30 2 * * MON-FRI")?.next_after(Timestamp::now()).context("a night")?;
    scene.world.stack.tick_at("run-reaper", night).await?;
    let pull = scene.change_of(&["src/dependencies.txt"]).await?;
    ensure!(pull.body.contains("— workflow nightly\n"), "a night is nobody, and has no page: {pull:#?}");
    ensure!(scene.comments(diary).is_empty(), "nobody is told of what went well");

    scene.push("main", "Lose the lock", "package-lock.json", "{}\n")?;
    let operations = scene.world.operations().await?;
    let ordered = operations.start("nightly", &scene.repository, BTreeMap::new(), PATIENCE).await?;
    ensure!(ordered.decisions.iter().any(|decision| decision.started), "{ordered:?}");
    scene.comment_with(diary, "`patchbay runs` says why").await?;
    scene.world.settle().await?;
    let newest = operations.runs(2).await?.into_iter().find(|run| run.repository == scene.repository).context("the run")?;
    let plan = operations.run(newest.id.as_str()).await?.run.plan.context("its plan")?;
    let StepStatus::Failed { failure } = &plan.steps[0].status else { bail!("{plan:#?}") };
    ensure!(failure.code == FailureCode::SetupFailed && failure.detail.contains("sh ./npm ci"), "{failure:?}");
    Ok(())
}
