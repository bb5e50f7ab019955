//! Secrets Manager: secrets with versions and the stages AWSCURRENT and AWSPREVIOUS, in one file.

use super::disk;
use super::error::{Answer, AwsError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
/// AWS appends a random one to a secret's name in its ARN; fixed here, so that a template can name it.
const SUFFIX: &str = "-local1";

#[derive(Clone, Serialize, Deserialize)]
struct Version {
    id: String,
    text: String,
    stages: Vec<String>,
    /// Epoch seconds.
    created_at: f64,
}

type Stored = BTreeMap<String, Vec<Version>>;

/// All secrets.
pub(super) struct Secrets {
    path: PathBuf,
    stored: Mutex<Stored>,
}

impl Secrets {
    /// Reads the file and creates the listed secrets that it lacks.
    pub(super) fn open(data_dir: &Path, initial: &[(String, String)]) -> anyhow::Result<Self> {
        let path = data_dir.join("secrets.json");
        let mut stored: Stored = match disk::load(&path)? {
            Some(bytes) => serde_json::from_slice(&bytes)?,
            None => Stored::new(),
        };
        for (name, text) in initial {
            let versions = stored.entry(name.clone()).or_default();
            if versions.is_empty() {
                add_version(versions, new_id(), text.clone(), vec![CURRENT.to_owned()]);
            }
        }
        let secrets = Self { path, stored: Mutex::new(stored) };
        secrets.save(&secrets.lock())?;
        Ok(secrets)
    }

    /// Gives a secret a new current text, creating it when absent. The last text becomes the previous one.
    pub(super) fn put(&self, name: &str, text: &str) -> Result<(), AwsError> {
        self.change(|stored| {
            add_version(stored.entry(name.to_owned()).or_default(), new_id(), text.to_owned(), vec![CURRENT.to_owned()]);
            Ok(Value::Null)
        })?;
        Ok(())
    }

    pub(super) fn handle(&self, operation: &str, input: &Value) -> Answer {
        match operation {
            "GetSecretValue" => self.get(input),
            "PutSecretValue" => self.put_value(input),
            "CreateSecret" => self.create(input),
            "DescribeSecret" => self.describe(input),
            other => Err(AwsError::unknown_operation("secretsmanager", other)),
        }
    }

    fn get(&self, input: &Value) -> Answer {
        let stored = self.lock();
        let (name, versions) = find(&stored, input)?;
        let (id, stage) = (input["VersionId"].as_str(), input["VersionStage"].as_str());
        let stage = stage.or(if id.is_none() { Some(CURRENT) } else { None });
        let matches = |version: &&Version| {
            id.is_none_or(|id| version.id == id) && stage.is_none_or(|stage| version.stages.iter().any(|own| own == stage))
        };
        let version = versions.iter().find(matches).ok_or_else(|| {
            not_found(&format!("Secrets Manager can't find the specified secret value for staging label: {}", stage.unwrap_or("?")))
        })?;
        Ok(json!({
            "ARN": arn(name), "Name": name, "VersionId": version.id, "SecretString": version.text,
            "VersionStages": version.stages, "CreatedDate": version.created_at,
        }))
    }

    fn put_value(&self, input: &Value) -> Answer {
        let text = secret_string(input)?;
        let id = input["ClientRequestToken"].as_str().map_or_else(new_id, str::to_owned);
        let stages = match input["VersionStages"].as_array() {
            Some(stages) => stages.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            None => vec![CURRENT.to_owned()],
        };
        self.change(|stored| {
            let name = find(stored, input)?.0.to_owned();
            let versions = stored.entry(name.clone()).or_default();
            match versions.iter().find(|version| version.id == id) {
                Some(same) if same.text == text => {}
                Some(_) => return Err(exists("You can't modify the value of an existing version.")),
                None => add_version(versions, id.clone(), text, stages.clone()),
            }
            Ok(json!({"ARN": arn(&name), "Name": name, "VersionId": id, "VersionStages": stages}))
        })
    }

    fn create(&self, input: &Value) -> Answer {
        let name = input["Name"].as_str().ok_or_else(|| AwsError::refused("InvalidParameterException", "Name is required"))?;
        let text = secret_string(input)?;
        let id = input["ClientRequestToken"].as_str().map_or_else(new_id, str::to_owned);
        self.change(|stored| {
            if stored.contains_key(name) {
                return Err(exists(&format!("The operation failed because the secret {name} already exists.")));
            }
            add_version(stored.entry(name.to_owned()).or_default(), id.clone(), text, vec![CURRENT.to_owned()]);
            Ok(json!({"ARN": arn(name), "Name": name, "VersionId": id}))
        })
    }

    fn describe(&self, input: &Value) -> Answer {
        let stored = self.lock();
        let (name, versions) = find(&stored, input)?;
        let stages: BTreeMap<&str, &Vec<String>> =
            versions.iter().filter(|version| !version.stages.is_empty()).map(|version| (version.id.as_str(), &version.stages)).collect();
        let created = versions.first().map(|version| version.created_at);
        Ok(json!({"ARN": arn(name), "Name": name, "VersionIdsToStages": stages, "CreatedDate": created}))
    }

    /// Changes a copy; it counts once it is on disk.
    fn change(&self, change: impl FnOnce(&mut Stored) -> Answer) -> Answer {
        let mut stored = self.lock();
        let mut next = stored.clone();
        let answer = change(&mut next)?;
        self.save(&next)?;
        *stored = next;
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self, stored: &Stored) -> Result<(), AwsError> {
        let bytes = serde_json::to_vec(stored).map_err(AwsError::internal)?;
        Ok(disk::save(&self.path, &bytes)?)
    }
}

/// Adds a version. A stage belongs to one version; who loses AWSCURRENT becomes AWSPREVIOUS.
fn add_version(versions: &mut Vec<Version>, id: String, text: String, stages: Vec<String>) {
    let is_current = |version: &Version| version.stages.iter().any(|stage| stage == CURRENT);
    let demoted = if stages.iter().any(|stage| stage == CURRENT) { versions.iter().position(is_current) } else { None };
    for version in versions.iter_mut() {
        version.stages.retain(|stage| !stages.contains(stage) && (demoted.is_none() || stage != PREVIOUS));
    }
    if let Some(version) = demoted.and_then(|position| versions.get_mut(position)) {
        version.stages.push(PREVIOUS.to_owned());
    }
    let created_at = jiff::Timestamp::now().as_duration().as_secs_f64().floor();
    versions.push(Version { id, text, stages, created_at });
    versions.retain(|version| !version.stages.is_empty());
}

/// The secret that `SecretId` names: its name, its ARN, or its ARN without the suffix.
fn find<'a>(stored: &'a Stored, input: &Value) -> Result<(&'a str, &'a Vec<Version>), AwsError> {
    let id = input["SecretId"].as_str().unwrap_or_default();
    let found = stored.iter().find(|(name, _)| *name == id || arn(name) == id || arn(name).strip_suffix(SUFFIX) == Some(id));
    let missing = || not_found("Secrets Manager can't find the specified secret.");
    found.map(|(name, versions)| (name.as_str(), versions)).ok_or_else(missing)
}

fn secret_string(input: &Value) -> Result<String, AwsError> {
    let text = input["SecretString"].as_str().map(str::to_owned);
    text.ok_or_else(|| AwsError::refused("InvalidParameterException", "the local stack stores SecretString only"))
}

/// The ARN of a secret.
pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:{}:{}:secret:{name}{SUFFIX}", super::REGION, super::ACCOUNT)
}

fn not_found(message: &str) -> AwsError {
    AwsError::refused("ResourceNotFoundException", message)
}

fn exists(message: &str) -> AwsError {
    AwsError::refused("ResourceExistsException", message)
}

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
