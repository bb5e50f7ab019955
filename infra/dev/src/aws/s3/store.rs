//! Objects as files: the content, and beside it what is known of it. The index is in memory.

use super::request::Listing;
use crate::aws::disk;
use crate::aws::error::AwsError;
use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) size: usize,
    /// In quotes, as the header has it.
    pub(super) etag: String,
    pub(super) content_type: String,
    pub(super) content_encoding: Option<String>,
    /// Base64, if the writer sent it.
    pub(super) crc32: Option<String>,
    /// `x-amz-meta-…` headers.
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) modified_at: Timestamp,
}

/// A page of a listing.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<Object>,
    pub(super) prefixes: Vec<String>,
    /// Where the next page starts, if there is one.
    pub(super) next: Option<String>,
}

pub(super) struct Store {
    root: PathBuf,
    buckets: Mutex<BTreeMap<String, BTreeMap<String, Object>>>,
    /// One write at a time: content and knowledge of an object belong together.
    writing: tokio::sync::Mutex<()>,
}

impl Store {
    pub(super) fn open(root: &Path, names: &[String]) -> anyhow::Result<Self> {
        let mut buckets = BTreeMap::new();
        for name in names {
            anyhow::ensure!(!name.contains('/') && !name.starts_with('.'), "{name}: no bucket name");
            let folder = root.join(name);
            std::fs::create_dir_all(&folder)?;
            buckets.insert(name.clone(), load_index(&folder)?);
        }
        Ok(Self { root: root.to_owned(), buckets: Mutex::new(buckets), writing: tokio::sync::Mutex::default() })
    }

    pub(super) fn check_bucket(&self, bucket: &str) -> Result<(), AwsError> {
        self.with_bucket(bucket, |_| ())
    }

    pub(super) fn find(&self, bucket: &str, key: &str) -> Result<Object, AwsError> {
        self.with_bucket(bucket, |objects| objects.get(key).cloned())?.ok_or_else(no_such_key)
    }

    pub(super) async fn read(&self, bucket: &str, key: &str) -> Result<Vec<u8>, AwsError> {
        match tokio::fs::read(self.path(bucket, key, "bin")).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(no_such_key()),
            read => Ok(read?),
        }
    }

    /// Writes content, then knowledge, then the index: a kill in between leaves the old object or the new one.
    pub(super) async fn write(&self, bucket: &str, object: Object, bytes: Bytes) -> Result<(), AwsError> {
        self.check_bucket(bucket)?;
        let _turn = self.writing.lock().await;
        let (content, known) = (self.path(bucket, &object.key, "bin"), self.path(bucket, &object.key, "json"));
        let json = serde_json::to_vec(&object).map_err(AwsError::internal)?;
        let written = tokio::task::spawn_blocking(move || disk::save(&content, &bytes).and_then(|()| disk::save(&known, &json)));
        written.await.map_err(AwsError::internal)??;
        self.with_bucket(bucket, |objects| objects.insert(object.key.clone(), object))?;
        Ok(())
    }

    /// Deletes; an absent object is no error.
    pub(super) async fn delete(&self, bucket: &str, key: &str) -> Result<(), AwsError> {
        let _turn = self.writing.lock().await;
        if self.with_bucket(bucket, |objects| objects.remove(key))?.is_some() {
            tokio::fs::remove_file(self.path(bucket, key, "json")).await?;
            tokio::fs::remove_file(self.path(bucket, key, "bin")).await?;
        }
        Ok(())
    }

    pub(super) fn list(&self, bucket: &str, listing: &Listing) -> Result<Page, AwsError> {
        self.with_bucket(bucket, |objects| page(objects, listing))
    }

    fn with_bucket<T>(&self, bucket: &str, act: impl FnOnce(&mut BTreeMap<String, Object>) -> T) -> Result<T, AwsError> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || AwsError::with_status(404, "NoSuchBucket", "The specified bucket does not exist");
        buckets.get_mut(bucket).map(act).ok_or_else(missing)
    }

    /// Keys may be long and hold anything: files are named by the key's digest.
    fn path(&self, bucket: &str, key: &str, extension: &str) -> PathBuf {
        let name = hex::encode(sha2::Sha256::digest(key.as_bytes()));
        self.root.join(bucket).join(format!("{name}.{extension}"))
    }
}

fn load_index(folder: &Path) -> anyhow::Result<BTreeMap<String, Object>> {
    let mut objects = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let object: Object = serde_json::from_slice(&std::fs::read(&path)?)?;
            objects.insert(object.key.clone(), object);
        }
    }
    Ok(objects)
}

fn page(objects: &BTreeMap<String, Object>, listing: &Listing) -> Page {
    let mut page = Page::default();
    let mut prefixes = BTreeSet::new();
    let mut last = String::new();
    for (key, object) in objects.range::<str, _>((Bound::Excluded(listing.after.as_str()), Bound::Unbounded)) {
        let Some(rest) = key.strip_prefix(&listing.prefix) else { continue };
        let cut = listing.delimiter.as_deref().and_then(|delimiter| rest.find(delimiter).map(|at| at + delimiter.len()));
        let common = cut.map(|cut| format!("{}{}", listing.prefix, &rest[..cut]));
        let is_known = common.as_ref().is_some_and(|common| prefixes.contains(common) || listing.after.starts_with(common.as_str()));
        if !is_known && page.objects.len() + prefixes.len() >= listing.max_keys {
            page.next = Some(last);
            break;
        }
        last.clone_from(key);
        match common {
            Some(_) if is_known => {}
            Some(common) => drop(prefixes.insert(common)),
            None => page.objects.push(object.clone()),
        }
    }
    page.prefixes = prefixes.into_iter().collect();
    page
}

/// The MD5 of the content in quotes.
pub(super) fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", hex::encode(Md5::digest(bytes)))
}

fn no_such_key() -> AwsError {
    AwsError::with_status(404, "NoSuchKey", "The specified key does not exist.")
}
