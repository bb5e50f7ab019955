//! Where things are: the project's root, its ignored folder, the built binaries.

use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};

/// The project that this binary was built from or is run in.
#[derive(Clone, Debug)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// The nearest folder upwards with `template.yaml` and `Cargo.toml`, else the folder this binary was built from.
    ///
    /// # Errors
    /// If neither has a template.
    pub fn find() -> anyhow::Result<Self> {
        let here = std::env::current_dir().context("the working directory cannot be read")?;
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let found = here.ancestors().chain([built_from.as_path()]).find(|folder| is_root(folder));
        match found {
            Some(root) => Ok(Self { root: root.canonicalize()? }),
            None => bail!("no template.yaml beside a Cargo.toml in {} or above it; run patchbay inside of the project", here.display()),
        }
    }

    /// The folder of `template.yaml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that git ignores: Aider and local data.
    pub fn ignored_dir(&self) -> PathBuf {
        self.root.join(".patchbay")
    }

    /// The template.
    pub fn template(&self) -> PathBuf {
        self.root.join("template.yaml")
    }

    /// The packages that a stack runs: the template's functions and the task.
    ///
    /// # Errors
    /// If the functions' folder cannot be read.
    pub fn function_packages(&self) -> anyhow::Result<Vec<String>> {
        let folder = self.root.join("functions");
        let entries = std::fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
        let packages = entries.filter_map(|entry| entry.ok().filter(|entry| entry.path().join("Cargo.toml").is_file()));
        let mut packages: Vec<String> = packages.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        packages.sort();
        Ok(packages)
    }

    /// The folder of this binary, where cargo puts the functions' binaries too.
    ///
    /// # Errors
    /// If the running binary's path is unknown.
    pub fn bin_dir(&self) -> anyhow::Result<PathBuf> {
        let binary = std::env::current_exe().context("the running binary's path is unknown")?;
        let folder = binary.parent().context("the running binary has no folder")?;
        // A test's binary is one folder deeper.
        Ok(if folder.ends_with("deps") { folder.parent().unwrap_or(folder).to_owned() } else { folder.to_owned() })
    }
}

fn is_root(folder: &Path) -> bool {
    folder.join("template.yaml").is_file() && folder.join("Cargo.toml").is_file()
}
