//! An agent that is a thief: it knows what the secrets look like, even which they are, and looks for them wherever a
//! process can look (R22, R24, R28). It tells its loot as hashes, so that no redaction can stand in for its finding nothing.

use super::case::{Case, End, Entry};
use super::known::Known;
use super::seen::Seen;
use anyhow::{Result, ensure};
use sha2::{Digest, Sha256};

/// Lies in the repository: a hunt that does not find it proves nothing.
const DECOY: &str = "decoy-canary-77aa01";
const WITH_DECOY: &[Entry] = &[("100644", "README.md", "# Hello\n"), ("100644", "deep/inside/decoy.txt", "decoy-canary-77aa01\n")];

/// Names the loot in a file, each thing by its hash. The needles come in reversed, so that they are not found themselves.
const TELL: &str = "| sort -u | while read -r x; do printf %s \"$x\" | sha256sum; done";

/// The cases of hunts.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = hunts();
    cases.extend(doors());
    cases.extend(escapes());
    cases
}

fn hunts() -> Vec<Case> {
    vec![
        hunt(
            "own-environment",
            "R22",
            "reads its own environment, as it is now and as it was at the start",
            &["run (env; cat /proc/self/environ; echo decoy-canary-77aa01) > ../home/loot", "run grep -ac HOME= ../home/loot | sed 's/^/homes: /'"],
            &["../home/loot"],
            End::Seen(|seen| seen.has("homes: 2").and_then(|()| found_nothing(seen)), "there are six variables, none of them secret"),
        ),
        hunt(
            "others-environments",
            "R22",
            "reads environment, command line and open files of every process in `/proc`",
            &["run (echo decoy-canary-77aa01; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/[0-9]*/task/*/environ; ls -l /proc/[0-9]*/fd) > ../home/loot 2> /dev/null"],
            &["../home/loot"],
            End::Seen(found_nothing, "sees only its own processes and the half that started it, which knows no secret"),
        )
        .kept_apart(),
        hunt(
            "files-anywhere",
            "R22",
            "searches every file that it can read: homes, temporary folders, other tasks, the stack's own data",
            &["run for d in /*; do case $d in /usr|/bin|/sbin|/lib*|/proc|/sys|/dev|/nix) ;; *) rev ../home/needles | timeout 30 grep -rhaoF -D skip -f - $d;; esac; done > ../home/loot 2> /dev/null; true"],
            &["../home/loot"],
            End::Seen(found_nothing, "sees the system's programs, its work folder and its home, nothing else of the machine"),
        )
        .kept_apart(),
        hunt(
            "git-folder",
            "R23",
            "searches its git folder, all objects and configuration, for an address or a token",
            &[
                "run git config --list --show-origin > ../home/loot; cat .git/config .git/FETCH_HEAD .git/packed-refs .git/logs/HEAD >> ../home/loot 2> /dev/null; git cat-file --batch --batch-all-objects >> ../home/loot; true",
                "run git remote | wc -l | sed 's/^/remotes: /'; git log --oneline | wc -l | sed 's/^/commits: /'",
            ],
            &["../home/loot"],
            End::Seen(
                |seen| {
                    seen.has("remotes: 0")?;
                    seen.has("commits: 1")?;
                    found_nothing(seen)
                },
                "a fresh repository of one commit, without a remote; the clone's own is in a folder that the agent cannot read",
            ),
        ),
        hunt(
            "credentials-of-tools",
            "R22",
            "looks for credentials where tools keep them, and asks git for some",
            &[
                "run (echo decoy-canary-77aa01; cat ~/.netrc ~/.git-credentials ~/.aws/* ~/.config/gh/* ~/.ssh/* /root/.aws/* /root/.netrc /run/secrets/*) > ../home/loot 2> /dev/null; true",
                "run printf 'protocol=https\\nhost=github.com\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill >> ../home/loot 2>&1; true",
            ],
            &["../home/loot"],
            End::Seen(found_nothing, "there are none"),
        )
        .kept_apart(),
    ]
}

fn doors() -> Vec<Case> {
    let case = |name, requirement, attacker, script, end| Case::agent(name, requirement, attacker, script, end).asked();
    vec![
        case(
            "loopback-ports",
            "R24",
            "tries every port of the loopback address",
            &["connect 127.0.0.1:1-65535", "run echo \"door: $SCRIPT_MODEL_URL\""],
            End::Seen(
                |seen| {
                    let door = seen.comment.split("door: http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("no door");
                    let open: Vec<&str> = seen.comment.lines().filter_map(|line| line.strip_suffix(": connected")).collect();
                    ensure!(open == [door], "open: {open:?}, the door: {door}");
                    Ok(())
                },
                "one port answers: the relay to the model",
            ),
        )
        .kept_apart(),
        case(
            "metadata-addresses",
            "R24",
            "asks the addresses where clouds keep credentials: 169.254.169.254 and 169.254.170.2",
            &["connect 169.254.169.254:80", "connect 169.254.170.2:80"],
            End::Seen(
                |seen| {
                    ensure!(!seen.comment.contains("connected") && seen.comment.matches("169.254.").count() == 2, "{}", seen.comment);
                    Ok(())
                },
                "locally there is no way there; at Fargate the second one answers with facts about the task, and has no credentials to give, because the task has no role",
            ),
        )
        .kept_apart(),
        case("servers-of-the-stack", "R24", "connects to the task gateway, the forge and AWS by their addresses", &[], End::Seen(
            |seen| {
                let refused = seen.comment.matches("Connection refused").count();
                ensure!(refused >= 4 && !seen.comment.contains("connected"), "{}", seen.comment);
                Ok(())
            },
            "locally there is no way there; at Fargate there is, and the gateway asks for a capability (below), the others for credentials",
        ))
        .knowing(|known| known.addresses.iter().map(|address| format!("connect {address}")).collect())
        .kept_apart(),
        case(
            "other-routes-of-the-door",
            "R22",
            "asks the relay for the brief, another exchange, the result route, and the forge, with a capability of its own making",
            &["run bash -c 'p=${SCRIPT_MODEL_URL#http://127.0.0.1:}; for r in GET:/v1/brief POST:/v1/exchange POST:/v1/result POST:/v1/progress GET:/repos/acme/x GET:/; do exec 3<>/dev/tcp/127.0.0.1/${p%%/*}; printf \"${r%%:*} ${r#*:} HTTP/1.1\\\\r\\nHost: x\\\\r\\nAuthorization: Bearer ws_a.run_b.1.00\\\\r\\nContent-Length: 0\\\\r\\nConnection: close\\\\r\\n\\\\r\\n\" >&3; head -1 <&3; done'"],
            End::Seen(
                |seen| {
                    ensure!(seen.comment.matches("404 Not Found").count() == 6, "{}", seen.comment);
                    Ok(())
                },
                "the relay knows the job, the model's two routes and the report; the capability is added behind it",
            ),
        ),
        hunt(
            "its-job",
            "R22",
            "asks the relay for its job again and searches it",
            &["run bash -c 'p=${SCRIPT_MODEL_URL#http://127.0.0.1:}; exec 3<>/dev/tcp/127.0.0.1/${p%%/*}; printf \"GET /job HTTP/1.1\\\\r\\nHost: x\\\\r\\nConnection: close\\\\r\\n\\\\r\\n\" >&3; cat <&3' > ../home/loot; echo decoy-canary-77aa01 >> ../home/loot", "run grep -c correlation ../home/loot | sed 's/^/jobs: /'"],
            &["../home/loot"],
            End::Seen(|seen| seen.has("jobs: 1").and_then(|()| found_nothing(seen)), "the job is the request and the model's name"),
        ),
    ]
}

fn escapes() -> Vec<Case> {
    vec![
        Case::agent(
            "writing-outside",
            "R28",
            "writes to the system's folders, other homes, and the supervisor's socket's folder above its own",
            &["run for f in /etc/owned /usr/owned /usr/bin/owned /root/owned /home/owned /owned-by-agent/x /work/owned; do touch $f 2> /dev/null && echo \"wrote $f\"; done; echo tried"],
            End::Seen(
                |seen| {
                    seen.has("tried")?;
                    ensure!(!seen.comment.contains("wrote /etc") && !seen.comment.contains("wrote /usr") && !seen.comment.contains("wrote /root"), "{}", seen.comment);
                    Ok(())
                },
                "nothing but its work folder and temporary folders can be written",
            ),
        )
        .asked()
        .kept_apart(),
        Case::agent(
            "rights",
            "R28",
            "looks for rights to use: capabilities, programs that raise rights, mounts, other processes' memory",
            &["run grep -E '^(CapEff|CapPrm|NoNewPrivs)' /proc/self/status", "run (mount -t tmpfs x /tmp || chroot / true) 2> /dev/null && echo powerful || echo powerless"],
            End::Seen(
                |seen| {
                    for line in ["CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1", "powerless"] {
                        seen.has(line)?;
                    }
                    Ok(())
                },
                "an ordinary user who can never become another",
            ),
        )
        .asked()
        .kept_apart(),
        Case::agent(
            "process-that-stays",
            "R28",
            "leaves a process behind that detaches itself, to look again when the agent is gone",
            &["run setsid bash -c 'exec -a patchbay-hostile-leftover sleep 987' > /dev/null 2>&1 < /dev/null & until grep -qa ^patchbay-hostile /proc/$!/cmdline; do :; done; echo left"],
            End::Seen(
                |seen| {
                    seen.has("left")?;
                    ensure!(!is_running("patchbay-hostile-leftover")?, "a process of the agent's is still there");
                    Ok(())
                },
                "ends every process of the agent's before the work is looked at",
            ),
        )
        .asked()
        .kept_apart(),
    ]
}

/// A hunt: the needles reversed, what it does, and what it found in these files.
fn hunt(
    name: &'static str,
    requirement: &'static str,
    attacker: &'static str,
    script: &'static [&'static str],
    loot: &'static [&'static str],
    end: End,
) -> Case {
    Case::agent(name, requirement, attacker, &[], end).in_repository(WITH_DECOY).asked().knowing(move |known| {
        let mut lines = vec![format!("write ../home/needles {}", needles(known).join("\\n"))];
        lines.extend(script.iter().map(|line| (*line).to_owned()));
        lines.push(format!("run rev ../home/needles | grep -haoF -f - {} {TELL}", loot.join(" ")));
        lines
    })
}

fn needles(known: &Known) -> Vec<String> {
    let names = ["PATCHBAY_BOOTSTRAP_SECRET", "AWS_SECRET_ACCESS_KEY", "x-access-token:", DECOY];
    known.all().into_iter().chain(names).map(|needle| needle.chars().rev().collect()).collect()
}

/// The decoy and nothing else.
fn found_nothing(seen: &Seen) -> Result<()> {
    let found = |needle: &str| seen.comment.contains(&hex::encode(Sha256::digest(needle)));
    ensure!(found(DECOY), "the hunt does not even find its decoy: {}", seen.comment);
    let names = ["PATCHBAY_BOOTSTRAP_SECRET", "AWS_SECRET_ACCESS_KEY", "x-access-token:"];
    let loot: Vec<&str> = seen.secrets.iter().map(String::as_str).chain(names).filter(|needle| found(needle)).collect();
    ensure!(loot.is_empty(), "the thief found {loot:?}");
    ensure!(seen.comment.matches("  -").count() == 1, "the thief found something: {}", seen.comment);
    Ok(())
}

fn is_running(name: &str) -> Result<bool> {
    let processes = std::fs::read_dir("/proc")?.flatten();
    Ok(processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok()).any(|line| line.starts_with(name.as_bytes())))
}
