//! APIs of API Gateway: their documents, deployments and stages. What a document means is not this crate's business.

pub(crate) mod urls;

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use crate::command::{Answered, Refusal};
use crate::rows::gateway::{
    ApiFacts, ApiKind, ApiRow, DeploymentRow, StageRow, api_key, apis, deployment_key,
    deployments_of, document_key, parts_of, stage_key, stages_of,
};
use crate::rows::pack::hex_text as hex;
use crate::rows::{after, decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// APIs of a server. AWS: 600 of each kind in an account and region.
pub(crate) const APIS_MAX: usize = 600;

/// Stages of an API. Source: API Gateway quotas.
const STAGES_MAX: usize = 10;

/// Deployments of a REST API. Source: API Gateway quotas.
const DEPLOYMENTS_MAX: usize = 300;

/// Tags of an API or a stage. Source: TagResource.
const TAGS_MAX: usize = 50;

/// Characters of a stage's name. Source: CreateStage.
const STAGE_CHARACTERS_MAX: usize = 128;

/// The changes of APIs. Documents were read by the shell before they come here.
#[derive(Debug)]
pub enum GatewayRequest {
    CreateApi(ApiKind, ApiDocument),
    /// - `replaces`: hash of the document that this one was made from; `None` whatever it is.
    ReplaceDocument {
        kind: ApiKind,
        id: String,
        replaces: Option<String>,
        document: ApiDocument,
    },
    DeleteApi(ApiKind, String),
    CreateDeployment {
        api: String,
        description: Option<String>,
        /// A stage that is created, or set to the deployment.
        stage: Option<NewStage>,
    },
    DeleteDeployment {
        api: String,
        id: String,
    },
    CreateStage(ApiKind, String, NewStage),
    /// What is `None` stays.
    UpdateStage {
        kind: ApiKind,
        api: String,
        name: String,
        deployment_id: Option<String>,
        description: Option<String>,
        variables: Option<BTreeMap<String, String>>,
    },
    DeleteStage {
        kind: ApiKind,
        api: String,
        name: String,
    },
    /// - `stage`: of the API; `None` for the API itself.
    Tag {
        kind: ApiKind,
        api: String,
        stage: Option<String>,
        tags: BTreeMap<String, String>,
        untag: Vec<String>,
    },
}

/// A document that was read.
#[derive(Debug)]
pub struct ApiDocument {
    /// JSON.
    pub text: String,
    pub facts: ApiFacts,
    /// Of the API; `None` leaves them.
    pub tags: Option<BTreeMap<String, String>>,
}

/// A stage to be.
#[derive(Debug)]
pub struct NewStage {
    pub name: String,
    pub deployment_id: Option<String>,
    pub description: Option<String>,
    pub variables: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
}

/// Why a change of APIs is refused; both kinds of API say it in their own errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayRefusal {
    NotFound(String),
    Conflict(String),
    BadRequest(String),
    Limit(String),
}

impl GatewayRefusal {
    /// The error's name and its message.
    pub(crate) fn parts(&self) -> (&'static str, String) {
        match self {
            GatewayRefusal::NotFound(text) => ("NotFoundException", text.clone()),
            GatewayRefusal::Conflict(text) => ("ConflictException", text.clone()),
            GatewayRefusal::BadRequest(text) => ("BadRequestException", text.clone()),
            GatewayRefusal::Limit(text) => ("LimitExceededException", text.clone()),
        }
    }
}

/// What a change of APIs gives.
#[derive(Debug, Clone, PartialEq)]
pub enum GatewayAnswer {
    Api(Box<ApiRow>),
    Stage(Box<StageRow>),
    Deployment(Box<DeploymentRow>),
    Nothing,
}

impl From<GatewayRefusal> for Refusal {
    fn from(refusal: GatewayRefusal) -> Refusal {
        Refusal::Gateway(refusal)
    }
}

fn answered(answer: GatewayAnswer) -> Answered {
    Answered::Gateway(Box::new(answer))
}

impl Shard {
    /// Carries out a change of APIs.
    pub(crate) fn change_gateway(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        request: GatewayRequest,
    ) -> Done<Answered> {
        match request {
            GatewayRequest::CreateApi(kind, document) => {
                self.create_api(now, entropy, kind, document)
            }
            GatewayRequest::ReplaceDocument {
                kind,
                id,
                replaces,
                document,
            } => self.replace_document(kind, &id, replaces.as_deref(), document),
            GatewayRequest::DeleteApi(kind, id) => self.delete_api(kind, &id),
            GatewayRequest::CreateDeployment {
                api,
                description,
                stage,
            } => self.create_deployment(now, entropy, &api, description, stage),
            GatewayRequest::DeleteDeployment { api, id } => self.delete_deployment(&api, &id),
            GatewayRequest::CreateStage(kind, api, stage) => {
                self.create_stage(now, kind, &api, stage)
            }
            GatewayRequest::UpdateStage {
                kind,
                api,
                name,
                deployment_id,
                description,
                variables,
            } => {
                find_api(&self.staging, kind, &api)?;
                let mut stage = find_stage(&self.staging, &api, &name)?;
                if let Some(id) = &deployment_id {
                    find_deployment(&self.staging, &api, id)?;
                }
                stage.deployment_id = deployment_id.or(stage.deployment_id);
                stage.description = description.or(stage.description);
                stage.variables = variables.unwrap_or(stage.variables);
                stage.updated_ms = now.as_millis();
                Ok(self.put_stage(&api, stage))
            }
            GatewayRequest::DeleteStage { kind, api, name } => {
                find_api(&self.staging, kind, &api)?;
                find_stage(&self.staging, &api, &name)?;
                self.staging.delete(stage_key(&api, &name));
                Ok(answered(GatewayAnswer::Nothing))
            }
            GatewayRequest::Tag {
                kind,
                api,
                stage,
                tags,
                untag,
            } => self.tag_api(kind, &api, stage.as_deref(), tags, &untag),
        }
    }

    fn create_api(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        kind: ApiKind,
        document: ApiDocument,
    ) -> Done<Answered> {
        let rows =
            self.staging
                .scan(&apis(), &after(&apis()), Direction::Ascending, APIS_MAX + 1)?;
        if rows.len() >= APIS_MAX {
            return Err(GatewayRefusal::Limit(format!("there are {APIS_MAX} APIs already")).into());
        }
        let tags = document.tags.clone().unwrap_or_default();
        check_tags(&tags)?;
        let id = draw_id(entropy, 10);
        let hash = self.store_document(&id, &document.text)?;
        let api = ApiRow {
            id,
            kind,
            created_ms: now.as_millis(),
            document: hash,
            facts: document.facts,
            tags,
        };
        Ok(self.put_api(api))
    }

    fn put_api(&mut self, api: ApiRow) -> Answered {
        self.staging.put(api_key(&api.id), encode_json(&api));
        answered(GatewayAnswer::Api(Box::new(api)))
    }

    fn replace_document(
        &mut self,
        kind: ApiKind,
        id: &str,
        replaces: Option<&str>,
        document: ApiDocument,
    ) -> Done<Answered> {
        let mut api = find_api(&self.staging, kind, id)?;
        if replaces.is_some_and(|replaces| replaces != api.document) {
            let text = "the API was changed in the meantime; send the request again";
            return Err(GatewayRefusal::Conflict(text.to_owned()).into());
        }
        let hash = self.store_document(id, &document.text)?;
        let before = std::mem::replace(&mut api.document, hash);
        api.facts = document.facts;
        if let Some(tags) = document.tags {
            check_tags(&tags)?;
            api.tags = tags;
        }
        let answer = self.put_api(api);
        self.forget_document(id, &before)?;
        Ok(answer)
    }

    fn delete_api(&mut self, kind: ApiKind, id: &str) -> Done<Answered> {
        find_api(&self.staging, kind, id)?;
        let parts = parts_of(id);
        let rows = self
            .staging
            .scan(&parts, &after(&parts), Direction::Ascending, usize::MAX)?;
        for (key, _) in rows {
            self.staging.delete(key);
        }
        self.staging.delete(api_key(id));
        Ok(answered(GatewayAnswer::Nothing))
    }

    fn create_deployment(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        api: &str,
        description: Option<String>,
        stage: Option<NewStage>,
    ) -> Done<Answered> {
        let row = find_api(&self.staging, ApiKind::Rest, api)?;
        if deployments(&self.staging, api)?.len() >= DEPLOYMENTS_MAX {
            let text = format!("the API has {DEPLOYMENTS_MAX} deployments already");
            return Err(GatewayRefusal::Limit(text).into());
        }
        let deployment = DeploymentRow {
            id: draw_id(entropy, 6),
            created_ms: now.as_millis(),
            description,
            document: row.document,
        };
        if let Some(mut stage) = stage {
            stage.deployment_id = Some(deployment.id.clone());
            match find_stage(&self.staging, api, &stage.name) {
                Ok(mut there) => {
                    there.deployment_id = stage.deployment_id;
                    there.description = stage.description.or(there.description);
                    there.variables.extend(stage.variables);
                    there.updated_ms = now.as_millis();
                    self.put_stage(api, there);
                }
                Err(crate::shard::Stop::Refused(_)) => {
                    self.open_stage(now, ApiKind::Rest, api, stage)?;
                }
                Err(stop) => return Err(stop),
            }
        }
        let key = deployment_key(api, &deployment.id);
        self.staging.put(key, encode_json(&deployment));
        Ok(answered(GatewayAnswer::Deployment(Box::new(deployment))))
    }

    fn delete_deployment(&mut self, api: &str, id: &str) -> Done<Answered> {
        find_api(&self.staging, ApiKind::Rest, api)?;
        let deployment = find_deployment(&self.staging, api, id)?;
        let stages = stages(&self.staging, api)?;
        if stages
            .iter()
            .any(|stage| stage.deployment_id.as_deref() == Some(id))
        {
            // AWS: its words.
            let text = "Active stages pointing to this deployment must be moved or deleted";
            return Err(GatewayRefusal::BadRequest(text.to_owned()).into());
        }
        self.staging.delete(deployment_key(api, id));
        self.forget_document(api, &deployment.document)?;
        Ok(answered(GatewayAnswer::Nothing))
    }

    fn create_stage(
        &mut self,
        now: Timestamp,
        kind: ApiKind,
        api: &str,
        stage: NewStage,
    ) -> Done<Answered> {
        find_api(&self.staging, kind, api)?;
        if find_stage(&self.staging, api, &stage.name).is_ok() {
            let text = "Stage already exists";
            return Err(GatewayRefusal::Conflict(text.to_owned()).into());
        }
        if let Some(id) = &stage.deployment_id {
            find_deployment(&self.staging, api, id)?;
        }
        self.open_stage(now, kind, api, stage)
    }

    fn open_stage(
        &mut self,
        now: Timestamp,
        kind: ApiKind,
        api: &str,
        stage: NewStage,
    ) -> Done<Answered> {
        check_stage_name(kind, &stage.name)?;
        check_tags(&stage.tags)?;
        if stages(&self.staging, api)?.len() >= STAGES_MAX {
            let text = format!("the API has {STAGES_MAX} stages already");
            return Err(GatewayRefusal::Limit(text).into());
        }
        let row = StageRow {
            name: stage.name,
            deployment_id: stage.deployment_id,
            description: stage.description,
            variables: stage.variables,
            created_ms: now.as_millis(),
            updated_ms: now.as_millis(),
            tags: stage.tags,
        };
        Ok(self.put_stage(api, row))
    }

    fn put_stage(&mut self, api: &str, stage: StageRow) -> Answered {
        self.staging
            .put(stage_key(api, &stage.name), encode_json(&stage));
        answered(GatewayAnswer::Stage(Box::new(stage)))
    }

    fn tag_api(
        &mut self,
        kind: ApiKind,
        id: &str,
        stage: Option<&str>,
        tags: BTreeMap<String, String>,
        untag: &[String],
    ) -> Done<Answered> {
        let mut api = find_api(&self.staging, kind, id)?;
        let changed = |before: &mut BTreeMap<String, String>| {
            before.extend(tags);
            before.retain(|key, _| !untag.contains(key));
            check_tags(before)
        };
        match stage {
            Some(stage) => {
                let mut stage = find_stage(&self.staging, id, stage)?;
                changed(&mut stage.tags)?;
                self.put_stage(id, stage);
            }
            None => {
                changed(&mut api.tags)?;
                self.put_api(api);
            }
        }
        Ok(answered(GatewayAnswer::Nothing))
    }

    /// Writes a document's row once for an API; returns its hash.
    fn store_document(&mut self, api: &str, text: &str) -> Result<String, Error> {
        let hash = hex(&Sha256::digest(text.as_bytes()));
        let key = document_key(api, &hash);
        if self.staging.get(&key)?.is_none() {
            self.staging.put(key, encode_json(&text));
        }
        Ok(hash)
    }

    /// Removes a document that nothing of its API refers to any more.
    fn forget_document(&mut self, api: &str, hash: &str) -> Done<()> {
        let key = api_key(api);
        let current = match self.staging.get(&key)? {
            Some(value) => decode_json::<ApiRow>(&key, &value)?.document == hash,
            None => false,
        };
        let deployed = deployments(&self.staging, api)?;
        if !current
            && !deployed
                .iter()
                .any(|deployment| deployment.document == hash)
        {
            self.staging.delete(document_key(api, hash));
        }
        Ok(())
    }
}

pub(crate) fn find_api(rows: &impl Rows, kind: ApiKind, id: &str) -> Done<ApiRow> {
    let key = api_key(id);
    let api = match rows.get(&key)? {
        Some(value) => Some(decode_json::<ApiRow>(&key, &value)?),
        None => None,
    };
    match api.filter(|api| api.kind == kind) {
        Some(api) => Ok(api),
        None => {
            let text = format!("Invalid API identifier specified {id}");
            Err(GatewayRefusal::NotFound(text).into())
        }
    }
}

pub(crate) fn find_stage(rows: &impl Rows, api: &str, name: &str) -> Done<StageRow> {
    let key = stage_key(api, name);
    match rows.get(&key)? {
        Some(value) => Ok(decode_json(&key, &value)?),
        None => {
            let text = "Invalid stage identifier specified";
            Err(GatewayRefusal::NotFound(text.to_owned()).into())
        }
    }
}

pub(crate) fn find_deployment(rows: &impl Rows, api: &str, id: &str) -> Done<DeploymentRow> {
    let key = deployment_key(api, id);
    match rows.get(&key)? {
        Some(value) => Ok(decode_json(&key, &value)?),
        None => {
            let text = "Invalid Deployment identifier specified";
            Err(GatewayRefusal::NotFound(text.to_owned()).into())
        }
    }
}

pub(crate) fn stages(rows: &impl Rows, api: &str) -> Result<Vec<StageRow>, Error> {
    all(rows, &stages_of(api), STAGES_MAX)
}

pub(crate) fn deployments(rows: &impl Rows, api: &str) -> Result<Vec<DeploymentRow>, Error> {
    all(rows, &deployments_of(api), DEPLOYMENTS_MAX)
}

/// All rows below a prefix.
pub(crate) fn all<T: serde::de::DeserializeOwned>(
    rows: &impl Rows,
    prefix: &[u8],
    limit: usize,
) -> Result<Vec<T>, Error> {
    let found = rows.scan(prefix, &after(prefix), Direction::Ascending, limit)?;
    found
        .iter()
        .map(|(key, value)| decode_json(key, value))
        .collect()
}

fn check_stage_name(kind: ApiKind, name: &str) -> Result<(), GatewayRefusal> {
    let is_plain = !name.is_empty()
        && name.len() <= STAGE_CHARACTERS_MAX
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_plain || (kind == ApiKind::Http && name == "$default") {
        return Ok(());
    }
    let text = format!(
        "Stage name only allows a-zA-Z0-9-_, up to {STAGE_CHARACTERS_MAX} of them; it is '{name}'"
    );
    Err(GatewayRefusal::BadRequest(text))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), GatewayRefusal> {
    if tags.len() <= TAGS_MAX {
        return Ok(());
    }
    let text = format!("{} tags, at most {TAGS_MAX}", tags.len());
    Err(GatewayRefusal::BadRequest(text))
}

/// Letters and digits of entropy.
pub(crate) fn draw_id(entropy: &[u8; 32], length: usize) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let drawn = stepwell_engine::entropy(entropy).draw();
    let letters = drawn
        .iter()
        .cycle()
        .take(length)
        .enumerate()
        .map(|(at, byte)| {
            // A cycle of the same bytes must not repeat the same letters.
            let byte = usize::from(*byte) + at / drawn.len() * 7;
            char::from(LETTERS[byte % LETTERS.len()])
        });
    letters.collect()
}
