//! Verbs that make things happen in process: what people do at GitHub, and what an administrator does to the App.
//!
//! A repository is named `owner/name`. Everything has the events that it has at GitHub.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::LocalGithub;
use super::access::{Access, Level};
use super::error::ApiError;
use super::state::{AccountKind, Token};
use super::world::{Doer, IssueEdit, NewFile, NewPull, World};

impl LocalGithub {
    pub(super) fn act<T>(&self, act: impl FnOnce(&mut World) -> Result<T, ApiError>) -> Result<T> {
        self.store.change(act).map_err(anyhow::Error::from)
    }

    pub(super) fn act_in<T>(&self, repository: &str, act: impl FnOnce(&mut World, u64) -> Result<T, ApiError>) -> Result<T> {
        let name = repository.to_owned();
        self.act(move |world| {
            let id = repository_id(world, &name).ok_or_else(|| ApiError::new(404, format!("there is no repository {name}")))?;
            act(world, id)
        })
    }

    /// Makes a person and a token for them; a person who is there already keeps their token.
    ///
    /// # Errors
    /// When the login is an organization's or a bot's.
    pub fn create_user(&self, login: &str) -> Result<String> {
        self.act(|world| {
            world.ensure_account(login, AccountKind::User);
            world.user_token(login)
        })
    }

    /// Makes an organization (if there is none of that name) that the person owns.
    ///
    /// # Errors
    /// When there is no such person.
    pub fn create_org(&self, login: &str, owner: &str) -> Result<()> {
        self.act(|world| {
            let owner = world.state.account(owner).ok_or_else(ApiError::not_found)?.login.to_lowercase();
            world.ensure_account(login, AccountKind::Organization);
            if let Some(account) = world.state.accounts.get_mut(&login.to_lowercase()) {
                account.members.insert(owner, true);
            }
            Ok(())
        })
    }

    /// Installs the App on all repositories of an account, present and future, and returns the installation's id.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn install_app(&self, account: &str) -> Result<u64> {
        self.act(|world| world.install(account, None, &Doer::person(&first_owner(world, account))))
    }

    /// Installs the App on some repositories of an account (`owner/name` each).
    ///
    /// # Errors
    /// When the account or one of the repositories does not exist.
    pub fn install_app_on(&self, account: &str, repositories: &[&str]) -> Result<u64> {
        self.act(|world| {
            let ids: Option<BTreeSet<u64>> = repositories.iter().map(|name| repository_id(world, name)).collect();
            let ids = ids.ok_or_else(ApiError::not_found)?;
            world.install(account, Some(ids), &Doer::person(&first_owner(world, account)))
        })
    }

    /// Removes the App; its tokens die at once.
    ///
    /// # Errors
    /// When there is no such installation.
    pub fn uninstall_app(&self, installation: u64) -> Result<()> {
        self.act(|world| world.uninstall(installation, &installer(world, installation)))
    }

    /// Suspends an installation; its tokens answer 403 from now on.
    ///
    /// # Errors
    /// When there is no such installation.
    pub fn suspend_app(&self, installation: u64) -> Result<()> {
        self.act(|world| world.set_suspended(installation, true, &installer(world, installation)))
    }

    /// Resumes a suspended installation.
    ///
    /// # Errors
    /// When there is no such installation.
    pub fn unsuspend_app(&self, installation: u64) -> Result<()> {
        self.act(|world| world.set_suspended(installation, false, &installer(world, installation)))
    }

    /// The account's owner accepts other permissions for the App.
    ///
    /// # Errors
    /// When there is no such installation.
    pub fn accept_permissions(&self, installation: u64, permissions: &[(&str, Access)]) -> Result<()> {
        let permissions: BTreeMap<String, Access> = permissions.iter().map(|(name, access)| ((*name).to_owned(), *access)).collect();
        self.act(|world| world.accept_permissions(installation, permissions, &installer(world, installation)))
    }

    /// Gives a repository to an installation.
    ///
    /// # Errors
    /// When one of the two does not exist.
    pub fn add_repository(&self, installation: u64, repository: &str) -> Result<()> {
        self.act_in(repository, |world, id| world.set_selected(installation, id, true, &installer(world, installation)))
    }

    /// Takes a repository from an installation, which from then on names its repositories one by one.
    ///
    /// # Errors
    /// When one of the two does not exist.
    pub fn remove_repository(&self, installation: u64, repository: &str) -> Result<()> {
        self.act_in(repository, |world, id| world.set_selected(installation, id, false, &installer(world, installation)))
    }

    /// Lets time pass for the log of deliveries: every attempt lies this much further back.
    pub fn pass_time(&self, by: Duration) {
        self.store.change(|world| {
            for outcome in world.state.deliveries.values_mut().filter_map(|delivery| delivery.outcome.as_mut()) {
                outcome.delivered_at = outcome.delivered_at.checked_sub(by).unwrap_or(outcome.delivered_at);
            }
        });
    }

    /// Lets every installation token that is out expire now.
    pub fn expire_tokens(&self) {
        self.store.change(|world| world.state.tokens.retain(|_, token| matches!(token, Token::User { .. })));
    }

    /// Makes a private repository with these files on `main`.
    ///
    /// # Errors
    /// When the owner does not exist or the name is taken or not allowed.
    pub fn create_repository(&self, owner: &str, name: &str, files: &[(&str, &str)]) -> Result<u64> {
        self.act(|world| {
            let doer = Doer::person(&first_owner(world, owner));
            let id = world.create_repository(owner, name, true, None, &doer)?;
            if !files.is_empty() {
                world.commit_files(id, "main", "Initial commit", &new_files(files), None, &doer)?;
            }
            Ok(id)
        })
    }

    /// Makes a repository public or private, without an event.
    ///
    /// # Errors
    /// When there is no such repository.
    pub fn set_private(&self, repository: &str, private: bool) -> Result<()> {
        self.act_in(repository, |world, id| world.repository_mut(id).map(|found| found.private = private))
    }

    /// Archives a repository (all writes answer 403) or brings it back.
    ///
    /// # Errors
    /// When there is no such repository.
    pub fn set_archived(&self, repository: &str, archived: bool) -> Result<()> {
        self.act_in(repository, |world, id| world.repository_mut(id).map(|found| found.archived = archived))
    }

    /// Sets a person's level in a repository.
    ///
    /// # Errors
    /// When there is no such repository.
    pub fn set_permission(&self, repository: &str, login: &str, level: Level) -> Result<()> {
        self.act_in(repository, |world, id| world.set_permission(id, login, level))
    }

    /// A person opens an issue; returns its number.
    ///
    /// # Errors
    /// When the repository does not exist or the title is empty.
    pub fn open_issue(&self, repository: &str, login: &str, title: &str, body: &str, labels: &[&str]) -> Result<u64> {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        self.act_in(repository, |world, id| world.open_issue(id, &person(world, login)?, title, Some(body.to_owned()), &labels))
    }

    /// A person changes an issue's text.
    ///
    /// # Errors
    /// When there is no such issue.
    pub fn edit_issue(&self, repository: &str, number: u64, login: &str, body: &str) -> Result<()> {
        let edit = IssueEdit { body: Some(Some(body.to_owned())), ..IssueEdit::default() };
        self.act_in(repository, |world, id| world.edit_issue(id, number, edit, &person(world, login)?))
    }

    /// A person changes the title of an issue or pull request.
    ///
    /// # Errors
    /// When there is no such thread or person.
    pub fn retitle(&self, repository: &str, number: u64, login: &str, title: &str) -> Result<()> {
        let edit = IssueEdit { title: Some(title.to_owned()), ..IssueEdit::default() };
        self.act_in(repository, |world, id| world.edit_issue(id, number, edit, &person(world, login)?))
    }

    /// A person closes an issue or pull request.
    ///
    /// # Errors
    /// When there is no such thread.
    pub fn close_issue(&self, repository: &str, number: u64, login: &str) -> Result<()> {
        self.act_in(repository, |world, id| world.set_open(id, number, false, None, &person(world, login)?))
    }

    /// A person opens an issue or pull request again.
    ///
    /// # Errors
    /// When there is no such thread.
    pub fn reopen_issue(&self, repository: &str, number: u64, login: &str) -> Result<()> {
        self.act_in(repository, |world, id| world.set_open(id, number, true, None, &person(world, login)?))
    }

    /// A person comments on an issue or pull request; returns the comment's id.
    ///
    /// # Errors
    /// When there is no such thread or the text is empty.
    pub fn comment(&self, repository: &str, number: u64, login: &str, body: &str) -> Result<u64> {
        self.act_in(repository, |world, id| world.add_comment(id, number, &person(world, login)?, body))
    }

    /// A person changes a comment.
    ///
    /// # Errors
    /// When there is no such comment.
    pub fn edit_comment(&self, repository: &str, comment: u64, login: &str, body: &str) -> Result<()> {
        self.act_in(repository, |world, id| world.edit_comment(id, comment, body, &person(world, login)?))
    }

    /// A person deletes a comment.
    ///
    /// # Errors
    /// When there is no such comment.
    pub fn delete_comment(&self, repository: &str, comment: u64, login: &str) -> Result<()> {
        self.act_in(repository, |world, id| world.delete_comment(id, comment, &person(world, login)?))
    }

    /// A person puts a label on an issue or pull request.
    ///
    /// # Errors
    /// When there is no such thread.
    pub fn label(&self, repository: &str, number: u64, login: &str, label: &str) -> Result<()> {
        self.act_in(repository, |world, id| world.add_labels(id, number, &[label.to_owned()], &person(world, login)?))
    }

    /// A person takes a label off.
    ///
    /// # Errors
    /// When the thread does not have it.
    pub fn unlabel(&self, repository: &str, number: u64, login: &str, label: &str) -> Result<()> {
        self.act_in(repository, |world, id| world.remove_label(id, number, label, &person(world, login)?))
    }

    /// A person pushes one commit with these files to a branch, which is made from the default branch if it is new.
    ///
    /// # Errors
    /// When there is no such repository or a path is not allowed.
    pub fn push_commit(&self, repository: &str, login: &str, branch: &str, message: &str, files: &[(&str, &str)]) -> Result<String> {
        self.act_in(repository, |world, id| {
            let doer = person(world, login)?;
            let author = world.signature_of(login);
            world.commit_files(id, branch, message, &new_files(files), Some((author.clone(), author)), &doer)
        })
    }

    /// A person deletes a branch.
    ///
    /// # Errors
    /// When there is no such branch.
    pub fn delete_branch(&self, repository: &str, login: &str, branch: &str) -> Result<()> {
        self.act_in(repository, |world, id| {
            let doer = person(world, login)?;
            world.git(id).delete_ref(&format!("refs/heads/{branch}"))?;
            world.sync_refs(id, &doer)
        })
    }

    /// A person opens a pull request; returns its number.
    ///
    /// # Errors
    /// When a branch does not exist, there is nothing to merge, or one is open already.
    pub fn open_pull(&self, repository: &str, login: &str, head: &str, base: &str, title: &str, body: &str) -> Result<u64> {
        let new = NewPull {
            title: title.to_owned(),
            body: Some(body.to_owned()),
            head: head.to_owned(),
            base: base.to_owned(),
            draft: false,
            maintainer_can_modify: false,
        };
        self.act_in(repository, |world, id| world.open_pull(id, new, &person(world, login)?))
    }

    /// Delivers a logged delivery once more, as the button on the App's page does.
    ///
    /// # Errors
    /// When it is not in the log.
    pub fn redeliver(&self, delivery: u64) -> Result<u64> {
        self.act(|world| world.redeliver(delivery)).with_context(|| anyhow!("redeliver {delivery}"))
    }
}

pub(super) fn repository_id(world: &World, full_name: &str) -> Option<u64> {
    let (owner, name) = full_name.split_once('/')?;
    world.state.repository(owner, name).map(|repository| repository.id)
}

// Who stands behind a verb that names no person: the organization's first owner, or the person themselves.
fn first_owner(world: &World, account: &str) -> String {
    let members = world.state.account(account).map(|account| &account.members);
    let owner = members.and_then(|members| members.iter().find(|(_, owns)| **owns)).map(|(login, _)| login.clone());
    let login = owner.unwrap_or_else(|| account.to_owned());
    world.state.account(&login).map_or(login, |account| account.login.clone())
}

// A typing error in a login must not make events without a sender.
pub(super) fn person(world: &World, login: &str) -> Result<Doer, ApiError> {
    let account = world.state.account(login).ok_or_else(|| ApiError::new(404, format!("there is nobody called {login}")))?;
    Ok(Doer::person(&account.login))
}

fn installer(world: &World, installation: u64) -> Doer {
    let account = world.state.installations.get(&installation).map(|found| found.account.clone()).unwrap_or_default();
    Doer::person(&first_owner(world, &account))
}

pub(super) fn new_files(files: &[(&str, &str)]) -> Vec<NewFile> {
    files.iter().map(|(path, content)| NewFile { path: (*path).to_owned(), content: Some(content.as_bytes().to_vec()) }).collect()
}
