//! The same functions in every test run: with arbitrary bytes, and with real input that was changed.

use super::*;
use proptest::prelude::*;
use std::path::Path;
use std::sync::LazyLock;

const CHANGE_SET: &str = r##"{"base_sha": "0123456789abcdef0123456789abcdef01234567", "files": [
    {"path": "src/a.rs", "change": {"kind": "write", "mode": "100644", "content": {"text": "fn a() {}\n"}, "added": true}},
    {"path": "old.txt", "change": {"kind": "delete"}}
], "commit_message": "fix: a", "message_by_model": true}"##;
const ANSWER: &str =
    "# Done\n\n@ada, fixes #12.\n\n```rust\nfn a() {}\n```\n\n- [x](https://x.test/@ada)\n- ![i](y)\n\n<details>\n\nmore\n";
const REQUEST: &str = "Hello\n\n<!-- hidden -->\n@patchbay change the greeting\n\n> /patchbay stop\n";

const WORKFLOW: &str =
    "workflows:\n  triage:\n    on: { issues: { types: [opened], labels: ['bug*', '!wontfix'] } }\n    steps:\n      - id: look
        agent: { mode: ask, prompt: '{{ event.subject.title | cut(80) }}' }\n      - if: steps.look.outputs.answer != ''
        comment: { body: '{% for label in event.subject.labels %}{{ label }}{% endfor %}' }\n";

/// A target's function, and real input as it takes it.
type Sample = (fn(&[u8]), Vec<u8>);

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let mut samples: Vec<Sample> = vec![
        (signature, [b"secret\0".as_slice(), sign(b"{}", b"secret").as_bytes(), b"\0{}"].concat()),
        (workflow, WORKFLOW.as_bytes().to_vec()),
        (command, REQUEST.as_bytes().to_vec()),
        (change_set, CHANGE_SET.as_bytes().to_vec()),
        (markdown, [b"\x80".as_slice(), ANSWER.as_bytes()].concat()),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/github");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned();
        let pick = EVENTS.iter().position(|event| *event == name).unwrap_or_default();
        samples.push((payload, [&[u8::try_from(pick).unwrap()], std::fs::read(&file).unwrap().as_slice()].concat()));
    }
    samples
});

/// One change of the kinds that a fuzzer makes.
#[derive(Clone, Debug)]
enum Mutation {
    Cut(prop::sample::Index),
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Repeat(prop::sample::Index, prop::sample::Index),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Self::Set(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Self::Insert(at, more) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Repeat(from, to) => {
                let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(from..from, part);
            }
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Mutation::Cut),
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..8)).prop_map(|(at, more)| Mutation::Insert(at, more)),
        (any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(from, to)| Mutation::Repeat(from, to)),
    ]
}

#[test]
fn every_sample_holds_as_it_is() {
    for (target, sample) in SAMPLES.iter() {
        target(sample);
    }
    let accepted: ChangeSet = serde_json::from_str(CHANGE_SET).unwrap();
    assert_eq!(validate(&accepted, &Policy::default()), Ok(()));
    assert!(read(WORKFLOW).is_ok());
    assert!(select_command(&strip_hidden(REQUEST), &Names { mention: "patchbay".into(), command: "patchbay".into() }).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_hold(data: Vec<u8>) {
        for target in [signature, payload, workflow, command, change_set, markdown] {
            target(&data);
        }
    }

    #[test]
    fn changed_samples_hold(index: prop::sample::Index, mutations in prop::collection::vec(mutation(), 1..6)) {
        let (target, sample) = index.get(&SAMPLES);
        let mut bytes = sample.clone();
        for mutation in &mutations {
            mutation.apply(&mut bytes);
        }
        target(&bytes);
    }
}
