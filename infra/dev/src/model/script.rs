//! The script: the demo's repository, what is asked there, and what the scripted model answers.

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub role: String,
    pub text: String,
}

/// An issue of the demo.
#[derive(Clone, Copy, Debug)]
pub struct DemoIssue {
    pub title: &'static str,
    pub body: &'static str,
}

/// The issue that asks for a change.
pub const CHANGE: DemoIssue = DemoIssue {
    title: "Greet people by name",
    body: "`hello.py` always greets the whole world.\n\n@patchbay let it greet the person whose name is its first argument, keep today's greeting \
           without one, and add a test.",
};

/// The issue that asks a question.
pub const QUESTION: DemoIssue =
    DemoIssue { title: "How is this used?", body: "@patchbay ask what does `hello.py` print, and how do I run it?" };

/// The files of the demo's repository.
pub const REPOSITORY: [(&str, &str); 3] = [
    ("README.md", "# hello\n\nA program that greets.\n\n    python3 hello.py\n"),
    ("hello.py", "def greeting():\n    return \"Hello, world!\"\n\n\nif __name__ == \"__main__\":\n    print(greeting())\n"),
    (".gitignore", "__pycache__/\n"),
];

const CHANGED: &str = r#"I let `greeting` take a name, read it from the first argument, and test both cases.

hello.py
```
import sys


def greeting(name="world"):
    return f"Hello, {name}!"


if __name__ == "__main__":
    print(greeting(*sys.argv[1:2]))
```

test_hello.py
```
import unittest

from hello import greeting


class GreetingTest(unittest.TestCase):
    def test_greets_the_world_without_a_name(self):
        self.assertEqual(greeting(), "Hello, world!")

    def test_greets_a_person_by_name(self):
        self.assertEqual(greeting("Ada"), "Hello, Ada!")


if __name__ == "__main__":
    unittest.main()
```
"#;

const ANSWER: &str = "It prints one line, `Hello, world!`: the function `greeting` returns that text, and the script prints it when it is run \
                      directly. Run it from the repository's root with `python3 hello.py`; it takes no arguments and needs only Python's \
                      standard library.";

const COMMIT_MESSAGE: &str = "feat: greet people by name\n\nTake the name from the first argument and keep greeting the world without one.";

const UNKNOWN: &str = "I am not a model: I am the local stack's script, and I know only the demo's two requests. To have this one worked on, set \
                       PATCHBAY_MODEL_URL (an OpenAI-compatible address up to and with /v1), PATCHBAY_MODEL and PATCHBAY_MODEL_KEY, and start \
                       the stack again.";

/// The answer to a chat. What is asked is what people wrote, not what an agent's system prompt tells about formats.
pub fn reply(chat: &[Message]) -> String {
    let all = chat.iter().map(|message| message.text.as_str()).collect::<Vec<_>>().join("\n").to_lowercase();
    let asked = chat.iter().filter(|message| message.role == "user").map(|message| message.text.as_str()).collect::<Vec<_>>().join("\n");
    let about_the_change = asked.contains("greet the person whose name");
    if all.contains("conventional commit") {
        return if about_the_change || asked.contains("greet") { COMMIT_MESSAGE } else { "chore: apply the requested change" }.to_owned();
    }
    if about_the_change {
        CHANGED
    } else if asked.contains("what does `hello.py` print") {
        ANSWER
    } else {
        UNKNOWN
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(system: &str, user: &str) -> String {
        let message = |role: &str, text: &str| Message { role: role.to_owned(), text: text.to_owned() };
        reply(&[message("system", system), message("user", user)])
    }

    #[test]
    fn the_demos_change_is_a_whole_file_edit_of_a_file_of_the_repository() {
        let reply = check("Act as an expert software developer.", CHANGE.body);
        for file in ["hello.py", "test_hello.py"] {
            assert!(reply.contains(&format!("\n{file}\n```\n")), "{reply}");
        }
        assert!(REPOSITORY.iter().any(|(path, _)| *path == "hello.py"));
    }

    #[test]
    fn the_demos_question_gets_an_answer_without_an_edit() {
        let reply = check("Act as an expert code analyst.", QUESTION.body);
        assert!(reply.contains("python3 hello.py") && !reply.contains("```"), "{reply}");
    }

    #[test]
    fn a_commit_message_is_conventional_even_with_the_request_in_its_context() {
        let reply = check("Write a Conventional Commits message.", CHANGE.body);
        assert_eq!(reply.lines().next(), Some("feat: greet people by name"));
    }

    #[test]
    fn anything_else_gets_the_truth() {
        let reply = check("Act as an expert software developer.", "rewrite it in Rust");
        assert!(reply.contains("I am not a model") && reply.contains("PATCHBAY_MODEL_KEY"));
    }
}
