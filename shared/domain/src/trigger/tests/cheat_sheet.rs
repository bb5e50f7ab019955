//! Every example of GitHub's "Filter pattern cheat sheet" and of its pages about `branches`, `tags` and `paths`, each with
//! what does not match beside it.

use crate::trigger::{PatternList, Selection};

/// Patterns, what they select, what they do not.
type Row = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

const BRANCHES_AND_TAGS: &[Row] = &[
    (&["feature/*"], &["feature/my-branch", "feature/your-branch"], &["feature/beta-a/my-branch", "feature", "a/feature/b"]),
    (
        &["feature/**"],
        &["feature/beta-a/my-branch", "feature/your-branch", "feature/mona/the/octocat"],
        &["feature", "features/x", "my/feature/x"],
    ),
    (&["main"], &["main"], &["Main", "main2", "my-main", "main/x"]),
    (&["releases/mona-the-octocat"], &["releases/mona-the-octocat"], &["releases/mona", "releases"]),
    (&["*"], &["main", "releases"], &["all/the/branches", "a/b"]),
    (&["**"], &["all/the/branches", "every/tag", "main"], &[]),
    (&["*feature"], &["mona-feature", "feature", "ver-10-feature"], &["feature-1", "mona/feature"]),
    (&["v2*"], &["v2", "v2.0", "v2.9"], &["v1", "v2/x", "av2"]),
    (&["v[12].[0-9]+.[0-9]+"], &["v1.10.1", "v2.0.0"], &["v3.0.0", "v1.0", "v1.10.x", "v1.10.1-beta", "v1x0x1"]),
];

const PATHS: &[Row] = &[
    (&["*"], &["README.md", "server.rb"], &["docs/README.md"]),
    (&["*.jsx?"], &["page.js", "page.jsx"], &["page.jsxx", "page.j", "src/page.js"]),
    (&["**"], &["all/the/files.md", "README.md"], &[]),
    (&["*.js"], &["app.js", "index.js"], &["js/app.js", "app.jsx"]),
    (&["**.js"], &["index.js", "js/index.js", "src/js/app.js"], &["index.ts", "index.js/x"]),
    (&["docs/*"], &["docs/README.md", "docs/file.txt"], &["docs/mona/octocat.txt", "docs", "a/docs/x"]),
    (&["docs/**"], &["docs/README.md", "docs/mona/octocat.txt"], &["docs", "docs.md", "a/docs/x"]),
    (
        &["docs/**/*.md"],
        &["docs/README.md", "docs/mona/hello-world.md", "docs/a/markdown/file.md"],
        &["docs/README.txt", "README.md", "docsx/README.md"],
    ),
    (&["**/docs/**"], &["docs/hello.md", "dir/docs/my-file.txt", "space/docs/plan/space.doc"], &["mydocs/hello.md", "docs"]),
    (&["**/README.md"], &["README.md", "js/README.md", "a/b/README.md"], &["MYREADME.md", "README.md/x"]),
    (&["**/*src/**"], &["a/src/app.js", "my-src/code/js/app.js", "src/x"], &["src", "srcs/app.js"]),
    (&["**/*-post.md"], &["my-post.md", "path/their-post.md"], &["my-post.txt", "post.md"]),
    (
        &["**/migrate-*.sql"],
        &["migrate-10909.sql", "db/migrate-v1.0.sql", "db/sept/migrate-v1.sql"],
        &["migrate.sql", "db/immigrate-1.sql", "migrate-a/b.sql"],
    ),
    (&["*.md", "!README.md"], &["hello.md"], &["README.md", "docs/hello.md"]),
    (&["*.md", "!README.md", "README*"], &["hello.md", "README.md", "README.doc"], &["docs/README.md"]),
];

/// From the pages about the filters themselves.
const PAGES: &[Row] = &[
    (&["main", "mona/octocat", "releases/**"], &["main", "mona/octocat", "releases/10", "releases/beta/3"], &["mona", "release/10"]),
    (&["mona/octocat", "releases/**-alpha"], &["mona/octocat", "releases/beta/3-alpha", "releases/10-alpha"], &["releases/10"]),
    (
        &["releases/**", "!releases/**-alpha"],
        &["releases/10", "releases/beta/mona"],
        &["releases/10-alpha", "releases/beta/3-alpha", "main"],
    ),
    (&["v1.**"], &["v1.0", "v1.0/x"], &["v1", "v2.0"]),
    (&["sub-project/**", "!sub-project/docs/**"], &["sub-project/index.js", "sub-project/src/index.js"], &["sub-project/docs/readme.md"]),
    (&["Octo*"], &["Octocat", "Octo"], &["octocat"]),
    (&["[CB]at"], &["Cat", "Bat"], &["cat", "at", "CBat"]),
    (&["[1-2]00"], &["100", "200"], &["300", "00"]),
    (&["[0-9a-z]"], &["7", "q"], &["Q", "77", ""]),
];

#[test]
fn every_example_of_the_cheat_sheet_matches_as_github_says() {
    for (patterns, selected, others) in BRANCHES_AND_TAGS.iter().chain(PATHS).chain(PAGES) {
        let texts: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let list = PatternList::parse(&texts).unwrap_or_else(|error| panic!("{patterns:?}: {error:?}"));
        for text in *selected {
            assert!(matches!(list.select(text), Selection::Included(_)), "{patterns:?} selects {text}");
        }
        for text in *others {
            assert!(!matches!(list.select(text), Selection::Included(_)), "{patterns:?} does not select {text}");
        }
    }
}
