//! Lists that come in pages of 100. Only path and query of a link are followed: the host stays ours, and the token with it.

use super::client::GithubForge;
use super::route::Call;
use super::tokens::Purpose;
use crate::{ForgeError, RepoAt};
use serde::de::DeserializeOwned;

impl GithubForge {
    /// Reads a list page by page for as long as `take` wants more, at most `max_pages`. Returns whether the list came to its
    /// end.
    pub(super) async fn read_pages<T: DeserializeOwned>(
        &self,
        at: &RepoAt,
        purpose: Purpose,
        call: Call,
        max_pages: usize,
        mut take: impl FnMut(Vec<T>) -> bool + Send,
    ) -> Result<bool, ForgeError> {
        let mut call = call.with_query(&[("per_page", "100")]);
        for _ in 0..max_pages {
            let answer = self.call(at, purpose, &call).await?;
            let goes_on = take(answer.json()?);
            match answer.link_query("next") {
                None => return Ok(true),
                Some(_) if !goes_on => return Ok(false),
                Some(next) => call = call.with_raw_query(&next),
            }
        }
        Ok(false)
    }
}
