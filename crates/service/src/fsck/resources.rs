//! Everything that is not an execution or a map run: each row by itself, and what it says of others.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use stepwell_engine::{Identity, MachineKind};

use super::Check;
use super::expected::{Expected, Found};
use crate::events::OnItsWay;
use crate::functions::{latest_owner, layer_owner, packages_of, version_owner};
use crate::rows::activity::{Activity, QueuedTask, activity_key, queue_key, queued};
use crate::rows::alarm::TransitionRow;
use crate::rows::delivery::{
    Counters, DeliveryRow, EventInvokeRow, counters_key, delivery_key, payload_key,
};
use crate::rows::event::{EventBusRow, EventRuleRow, event_bus_key, event_rule_key};
use crate::rows::execution::{RedriveTokens, execution_key, redrive_tokens_key};
use crate::rows::function::{
    FunctionAlias, FunctionRow, FunctionSettings, LATEST, LayerVersionRow, Published,
    ResourcePolicy, alias_key as function_alias_key, code_key, function_key, is_published_key,
    is_settings_key, layer_key, use_key, uses_listed_key, uses_of,
    version_key as function_version_key,
};
use crate::rows::gateway::{
    ApiRow, DeploymentRow, FunctionUrlRow, StageRow, api_key, deployment_key, document_key,
    stage_key, url_id_key, url_key,
};
use crate::rows::log_group::{
    LogFilter, LogGroup, LogQueryDefinition, LogResourcePolicy, log_filter_key, log_group_key,
    query_definition_key, resource_policy_key,
};
use crate::rows::machine::{Machine, machine_key};
use crate::rows::map_run::{ChildOf, child_of_key};
use crate::rows::meta::{Meta, meta_key};
use crate::rows::pack::hex_text as hex;
use crate::rows::role::{Policy, Role, policy_key, role_key};
use crate::rows::schedule::{
    ScheduleGroupRow, ScheduleRow, Ticking, due_key, due_parts, schedule_group_key, schedule_key,
};
use crate::rows::tracing::{SamplingRuleRow, TraceGroupRow, group_key, is_rule_key, rule_key};
use crate::rows::version::{Alias, Numbering, Version, alias_key, numbering_key, version_key};
use crate::rows::webhook::{ApiDestinationRow, ConnectionRow, api_destination_key, connection_key};
use crate::rows::{Kind, index};

/// What is added up over rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    deliveries: u64,
    delivery_bytes: u64,
    delivery_next: u64,
    /// Schedules of each group.
    schedules: BTreeMap<String, u64>,
    /// Roles that each policy is attached to, by the policy's name in lower case.
    attachments: BTreeMap<String, u32>,
    /// The package whose chunks are being read.
    package: String,
}

/// Whether a row of an index follows from no other one.
pub(super) fn is_own(key: &[u8]) -> bool {
    match key.first().copied().and_then(Kind::of) {
        Some(Kind::PackageUse) => key == uses_listed_key(),
        Some(Kind::ScheduleDue) => matches!(due_parts(key), Some((_, Ticking::Event(..))) | None),
        Some(Kind::FunctionUrl) => !key.starts_with(&url_id_key("")),
        _ => false,
    }
}

/// Kinds of rows that [`Check::check_executions`] reads, and those that a run reads with itself.
const WALKED_ELSEWHERE: [Kind; 4] = [
    Kind::Execution,
    Kind::Frame,
    Kind::History,
    Kind::MapRunItem,
];

impl Check<'_> {
    pub(super) fn check_resources(&mut self) {
        let kinds = (0..=u8::MAX).filter_map(Kind::of);
        for kind in kinds.filter(|kind| !WALKED_ELSEWHERE.contains(kind)) {
            let mut walk = self.walk_over(&[kind as u8]);
            while let Some((key, value)) = self.next(&mut walk) {
                self.check_row(kind, &key, &value);
            }
        }
    }

    fn check_tracing(&mut self, key: &[u8], value: &[u8]) {
        if is_rule_key(key) {
            if let Some(row) = self.read_json::<SamplingRuleRow>(key, value) {
                self.check_key(key, &rule_key(&row.name));
            }
        } else if let Some(row) = self.read_json::<TraceGroupRow>(key, value) {
            self.check_key(key, &group_key(&row.name));
        }
    }

    fn check_row(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        match kind {
            Kind::Execution | Kind::Frame | Kind::History | Kind::MapRunItem => {}
            Kind::Meta => self.check_key(key, &meta_key()),
            Kind::Machine => self.check_machine(key, value),
            Kind::Definition => self.check_definition(key, value),
            Kind::ExecutionName
            | Kind::ExecutionList
            | Kind::OpenExecution
            | Kind::Timer
            | Kind::TaskInDoubt
            | Kind::DeliveryDue
            | Kind::MapRunName => self.there(kind, key, value),
            Kind::MapRunChild => self.check_child_of(key, value),
            Kind::ExpressStart => self.check_express(key, value),
            Kind::Erasure => self.check_key(key, &index::erasure_key(number_in(key))),
            Kind::TaskReturned => self.check_of_execution(key),
            Kind::RedriveToken => self.check_redrive_tokens(key, value),
            Kind::NestedExecution | Kind::NestedTask => self.check_nested(kind, key, value),
            Kind::ActivityTask => self.check_activity_task(key, value),
            Kind::ActivityQueue => self.there(kind, key, value),
            Kind::Activity => {
                if let Some(row) = self.read_json::<Activity>(key, value) {
                    self.check_key(key, &activity_key(&row.name));
                }
            }
            Kind::MapRun => self.check_map_run(key, value),
            Kind::StateMachineVersion => self.check_version(key, value),
            Kind::StateMachineAlias => self.check_alias(key, value),
            Kind::Function | Kind::FunctionVersion => self.check_function(kind, key, value),
            Kind::FunctionAlias => self.check_function_alias(key, value),
            Kind::FunctionSettings if is_settings_key(key) => {
                self.read_json::<FunctionSettings>(key, value);
            }
            Kind::FunctionSettings => drop(self.read_json::<ResourcePolicy>(key, value)),
            Kind::LayerVersion => self.check_layer(key, value),
            Kind::FunctionCode => self.check_code(key),
            Kind::PackageUse if key == uses_listed_key() => {}
            Kind::PackageUse => self.there(kind, key, value),
            Kind::EventInvokeConfig => drop(self.read_json::<EventInvokeRow>(key, value)),
            Kind::Role | Kind::Policy => self.check_iam(kind, key, value),
            Kind::LogGroup => {
                if let Some(row) = self.read_json::<LogGroup>(key, value) {
                    self.check_key(key, &log_group_key(&row.name));
                }
            }
            Kind::Tracing => self.check_tracing(key, value),
            Kind::LogResourcePolicy => {
                if let Some(row) = self.read_json::<LogResourcePolicy>(key, value) {
                    self.check_key(key, &resource_policy_key(&row.name));
                }
            }
            Kind::LogFilter => {
                if let Some(row) = self.read_json::<LogFilter>(key, value) {
                    self.check_key(key, &log_filter_key(&row.group, row.kind(), &row.name));
                }
            }
            Kind::LogQueryDefinition => {
                if let Some(row) = self.read_json::<LogQueryDefinition>(key, value) {
                    self.check_key(key, &query_definition_key(&row.id));
                }
            }
            Kind::EventBus => {
                if let Some(row) = self.read_json::<EventBusRow>(key, value) {
                    self.check_key(key, &event_bus_key(&row.name));
                }
            }
            Kind::Connection => {
                if let Some(row) = self.read_json::<ConnectionRow>(key, value) {
                    self.check_key(key, &connection_key(&row.name));
                }
            }
            Kind::ApiDestination => {
                if let Some(row) = self.read_json::<ApiDestinationRow>(key, value) {
                    self.check_key(key, &api_destination_key(&row.name));
                }
            }
            Kind::EventRule | Kind::ScheduleGroup | Kind::Schedule | Kind::ScheduleDue => {
                self.check_schedule(kind, key, value);
            }
            Kind::Delivery | Kind::DeliveryPayload | Kind::DeliveryCounters => {
                self.check_delivery(kind, key, value);
            }
            Kind::AlarmTransition => drop(self.read::<TransitionRow>(key, value)),
            Kind::Api | Kind::ApiPart | Kind::FunctionUrl => self.check_gateway(kind, key, value),
        }
    }

    fn check_machine(&mut self, key: &[u8], value: &[u8]) {
        let Some(row) = self.read_json::<Machine>(key, value) else {
            return;
        };
        self.check_key(key, &machine_key(&row.name));
        self.definition(key, &row.definition, kind_of(row.is_express));
    }

    fn check_version(&mut self, key: &[u8], value: &[u8]) {
        let Some(machine) = index::first_name(key) else {
            self.find("row-key", key, "its key has no name".to_string());
            return;
        };
        if key == numbering_key(&machine) {
            self.read_json::<Numbering>(key, value);
            return;
        }
        let Some(row) = self.read_json::<Version>(key, value) else {
            return;
        };
        self.check_key(key, &version_key(&machine, row.number));
        if let Some(kind) = self.kind_of_machine(&machine) {
            self.definition(key, &row.definition, kind);
        }
        let numbering = self.value_of(&numbering_key(&machine));
        let newest = match numbering {
            Found::Is(value) => crate::rows::decode_json::<Numbering>(key, &value)
                .map_or(u32::MAX, |numbering| numbering.versions),
            Found::Unreadable => u32::MAX,
            Found::Missing => 0,
        };
        if row.number > newest {
            let text = format!("the newest version that was published is {newest}");
            self.find("number-reused", key, text);
        }
    }

    fn kind_of_machine(&self, name: &str) -> Option<MachineKind> {
        let key = machine_key(name);
        let Found::Is(value) = self.value_of(&key) else {
            return None;
        };
        let machine = crate::rows::decode_json::<Machine>(&key, &value).ok()?;
        Some(kind_of(machine.is_express))
    }

    fn check_alias(&mut self, key: &[u8], value: &[u8]) {
        let Some(row) = self.read_json::<Alias>(key, value) else {
            return;
        };
        let machine = index::first_name(key).unwrap_or_default();
        self.check_key(key, &alias_key(&machine, &row.name));
        for route in &row.routing {
            if !self.is_there(&version_key(&machine, route.version)) {
                let text = format!("version {} that it routes to is missing", route.version);
                self.find("alias-dangles", key, text);
            }
        }
    }

    fn check_child_of(&mut self, key: &[u8], value: &[u8]) {
        self.there(Kind::MapRunChild, key, value);
        if self.read::<ChildOf>(key, value).is_some() {
            self.check_key(key, &child_of_key(number_in(key)));
        }
    }

    fn check_express(&mut self, key: &[u8], value: &[u8]) {
        let Some(row) = self.read::<(Identity, String, String)>(key, value) else {
            return;
        };
        let (identity, _, definition) = row;
        self.check_key(key, &index::express_key(identity.number));
        self.number_max = self.number_max.max(identity.number);
        self.definition(key, &definition, MachineKind::Express);
        if identity.state_machine_arn.contains('/')
            && !self.is_there(&child_of_key(identity.number))
        {
            let text = "it is a child of a map run, and which is not known".to_string();
            self.find("map-run-child-missing", key, text);
        }
    }

    /// A row that means something only as long as its execution is there.
    fn check_of_execution(&mut self, key: &[u8]) {
        let number = number_in(key);
        if !self.erasing.contains(&number) && !self.is_there(&execution_key(number)) {
            let text = format!("there is no execution {number}");
            self.find("row-stale", key, text);
        }
    }

    fn check_redrive_tokens(&mut self, key: &[u8], value: &[u8]) {
        self.read::<RedriveTokens>(key, value);
        self.check_key(key, &redrive_tokens_key(number_in(key)));
        self.check_of_execution(key);
    }

    /// A link between a task and the execution that it waits for, from either side.
    fn check_nested(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        self.there(kind, key, value);
        if kind == Kind::NestedTask {
            self.check_of_execution(key);
            let parts = crate::rows::activity::queued(key);
            if let (Some(child), Some((parent, ticket))) = (self.read::<u64>(key, value), parts) {
                self.expect(Expected::any(index::nested_key(child, parent, ticket)));
            }
        } else if let Some((parent, ticket)) = index::nested_task(key) {
            self.expect(Expected::any(index::nested_task_key(parent, ticket)));
        } else {
            self.find("row-key", key, "its key is no link".to_string());
        }
    }

    fn check_activity_task(&mut self, key: &[u8], value: &[u8]) {
        self.check_of_execution(key);
        if let (Some(task), Some((execution, ticket))) =
            (self.read::<QueuedTask>(key, value), queued(key))
        {
            self.expect(Expected::any(queue_key(&task, execution, ticket)));
        }
    }

    fn check_function(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        if is_published_key(key) {
            self.read_json::<Published>(key, value);
            return;
        }
        let Some(row) = self.read_json::<FunctionRow>(key, value) else {
            return;
        };
        let owner = if kind == Kind::Function {
            self.check_key(key, &function_key(&row.name));
            latest_owner(&row.name)
        } else {
            let number = row.version.parse().unwrap_or_default();
            self.check_key(key, &function_version_key(&row.name, number));
            version_owner(&row)
        };
        self.check_package(key, &row.package, row.code_bytes);
        for package in packages_of(&row) {
            self.expect_use(&package, &owner);
        }
    }

    fn check_layer(&mut self, key: &[u8], value: &[u8]) {
        if is_published_key(key) {
            self.read_json::<Published>(key, value);
            return;
        }
        let Some(row) = self.read_json::<LayerVersionRow>(key, value) else {
            return;
        };
        self.check_key(key, &layer_key(&row.name, row.version));
        self.check_package(key, &row.package, row.code_bytes);
        self.expect_use(&row.package, &layer_owner(&row));
    }

    fn expect_use(&mut self, package: &str, owner: &str) {
        // Before the first change of a function under this release there are no marks.
        if self.is_there(&uses_listed_key()) {
            self.expect(Expected::any(use_key(package, owner)));
        }
    }

    /// The chunks of a package are there, and as long together as it is.
    fn check_package(&mut self, owner: &[u8], package: &str, code_bytes: u64) {
        let chunk_bytes = crate::rows::function::CODE_CHUNK_BYTES as u64;
        for chunk in 0..code_bytes.div_ceil(chunk_bytes).max(1) {
            let held = match self.value_of(&code_key(package, chunk)) {
                Found::Unreadable => continue,
                Found::Missing => None,
                Found::Is(value) => Some(value.len() as u64),
            };
            let wanted = (code_bytes - chunk * chunk_bytes).min(chunk_bytes);
            if held != Some(wanted) {
                let text =
                    format!("chunk {chunk} of its package {package} is not there as a whole");
                self.find("package-missing", owner, text);
            }
        }
    }

    fn check_code(&mut self, key: &[u8]) {
        let Some(package) = index::first_name(key) else {
            self.find("row-key", key, "its key has no name".to_string());
            return;
        };
        if self.tally.package == package {
            return;
        }
        self.tally.package.clone_from(&package);
        let mut uses = self.walk_over(&uses_of(&package));
        let is_marked = self.is_there(&uses_listed_key());
        if is_marked && self.next_uncounted(&mut uses).is_none() {
            let text = "nobody has this package".to_string();
            self.find("package-stale", key, text);
        }
    }

    fn check_function_alias(&mut self, key: &[u8], value: &[u8]) {
        let Some(row) = self.read_json::<FunctionAlias>(key, value) else {
            return;
        };
        let function = index::first_name(key).unwrap_or_default();
        self.check_key(key, &function_alias_key(&function, &row.name));
        let routed = std::iter::once(&row.version).chain(row.weights.keys());
        for version in routed.filter(|version| *version != LATEST) {
            let number = version.parse().unwrap_or_default();
            if !self.is_there(&function_version_key(&function, number)) {
                let text = format!("version {version} that it routes to is missing");
                self.find("alias-dangles", key, text);
            }
        }
    }

    fn check_iam(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        if kind == Kind::Role {
            let Some(row) = self.read_json::<Role>(key, value) else {
                return;
            };
            self.check_key(key, &role_key(&row.name));
            // AWS's own policies have no rows.
            let own = row.attached.iter().filter(|arn| !arn.contains("::aws:"));
            for arn in own {
                let name = arn.rsplit('/').next().unwrap_or_default();
                let attachments = &mut self.tally.attachments;
                *attachments.entry(name.to_ascii_lowercase()).or_default() += 1;
            }
        } else if let Some(row) = self.read_json::<Policy>(key, value) {
            self.check_key(key, &policy_key(&row.name));
            // Roles come before policies.
            let attachments = &mut self.tally.attachments;
            let attached = attachments.remove(&row.name.to_ascii_lowercase());
            let attached = attached.unwrap_or_default();
            if row.attachments != attached {
                let text = format!(
                    "{} roles have it, and it says {}",
                    attached, row.attachments
                );
                self.find("count-differs", key, text);
            }
        }
    }

    fn check_schedule(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        if kind == Kind::EventRule {
            let Some(row) = self.read_json::<EventRuleRow>(key, value) else {
                return;
            };
            self.check_key(key, &event_rule_key(&row.bus, &row.name));
            let due = row.due_ms.map(|due_ms| due_key(due_ms, &row.ticking()));
            due.into_iter()
                .for_each(|key| self.expect(Expected::any(key)));
            if row.bus != "default" && !self.is_there(&event_bus_key(&row.bus)) {
                let text = format!("its bus {} is missing", row.bus);
                self.find("row-stale", key, text);
            }
        } else if kind == Kind::ScheduleGroup {
            if let Some(row) = self.read_json::<ScheduleGroupRow>(key, value) {
                self.check_key(key, &schedule_group_key(&row.name));
                self.tally.schedules.insert(row.name, row.schedules);
            }
        } else if kind == Kind::Schedule {
            let Some(row) = self.read_json::<ScheduleRow>(key, value) else {
                return;
            };
            self.check_key(key, &schedule_key(&row.group, &row.name));
            let due = row.due_ms().map(|due_ms| due_key(due_ms, &row.ticking()));
            due.into_iter()
                .for_each(|key| self.expect(Expected::any(key)));
            // Groups come before schedules.
            if let Some(left) = self.tally.schedules.get_mut(&row.group) {
                *left = left.wrapping_sub(1);
            } else if !self.is_there(&schedule_group_key(&row.group)) {
                let text = format!("its group {} is missing", row.group);
                self.find("row-stale", key, text);
            }
        } else {
            match due_parts(key) {
                None => self.find("row-key", key, "its key is no instant".to_string()),
                Some((_, Ticking::Event(..))) => drop(self.read_json::<OnItsWay>(key, value)),
                Some(_) => self.there(kind, key, value),
            }
        }
    }

    fn check_delivery(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        if kind == Kind::DeliveryPayload {
            self.there(kind, key, value);
            self.read::<String>(key, value);
        } else if kind == Kind::DeliveryCounters {
            let Some(said) = self.read::<Counters>(key, value) else {
                return;
            };
            // Deliveries come before their counters.
            let tally = &self.tally;
            let there = (tally.deliveries, tally.delivery_bytes);
            let next = tally.delivery_next;
            if (said.open, said.payload_bytes) != there || said.next < next {
                let text = format!(
                    "it says {} deliveries of {} bytes before number {}, and there are {} of {} bytes before number {next}",
                    said.open, said.payload_bytes, said.next, there.0, there.1
                );
                self.find("count-differs", key, text);
            }
        } else {
            let number = number_in(key);
            self.tally.deliveries += 1;
            self.tally.delivery_next = number + 1;
            self.check_key(key, &delivery_key(number));
            self.expect(Expected::any(payload_key(number)));
            if let Some(row) = self.read::<DeliveryRow>(key, value) {
                self.tally.delivery_bytes += row.payload_bytes;
                let due = index::due_key(Kind::DeliveryDue, row.due_ms, number);
                self.expect(Expected::any(due));
            }
        }
    }

    fn check_gateway(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        if kind == Kind::Api {
            if let Some(row) = self.read_json::<ApiRow>(key, value) {
                self.check_key(key, &api_key(&row.id));
                self.check_document(key, &row.id, &row.document);
            }
            return;
        }
        if kind == Kind::FunctionUrl {
            self.check_url(key, value);
            return;
        }
        let parts = key.get(1..).unwrap_or_default();
        let mut parts = parts.splitn(3, |byte| *byte == 0).map(text);
        let (api, topic) = (parts.next(), parts.next());
        let (Some(api), Some(topic)) = (api, topic) else {
            self.find("row-key", key, "its key has no parts".to_string());
            return;
        };
        if !self.is_there(&api_key(&api)) {
            self.find("row-stale", key, format!("there is no API {api}"));
        }
        match topic.as_str() {
            "stage" => {
                let Some(row) = self.read_json::<StageRow>(key, value) else {
                    return;
                };
                self.check_key(key, &stage_key(&api, &row.name));
                let id = row.deployment_id.as_ref();
                let missing = id.filter(|id| !self.is_there(&deployment_key(&api, id)));
                if let Some(id) = missing {
                    self.find("row-stale", key, format!("its deployment {id} is missing"));
                }
            }
            "deployment" => {
                if let Some(row) = self.read_json::<DeploymentRow>(key, value) {
                    self.check_key(key, &deployment_key(&api, &row.id));
                    self.check_document(key, &api, &row.document);
                }
            }
            "document" => {
                if let Some(text) = self.read_json::<String>(key, value) {
                    let hash = hex(&Sha256::digest(text.as_bytes()));
                    self.check_key(key, &document_key(&api, &hash));
                }
            }
            _ => self.find("row-key", key, format!("an API has no part {topic}")),
        }
    }

    fn check_document(&mut self, owner: &[u8], api: &str, hash: &str) {
        if !self.is_there(&document_key(api, hash)) {
            let text = format!("its document {hash} is missing");
            self.find("document-missing", owner, text);
        }
    }

    fn check_url(&mut self, key: &[u8], value: &[u8]) {
        if !is_own(key) {
            self.there(Kind::FunctionUrl, key, value);
            self.read_json::<(String, Option<String>)>(key, value);
        } else if let Some(row) = self.read_json::<FunctionUrlRow>(key, value) {
            self.check_key(key, &url_key(&row.function, row.qualifier.as_deref()));
            self.expect(Expected::any(url_id_key(&row.id)));
        }
    }

    /// What was counted and is said by nobody.
    pub(super) fn check_tally(&mut self) {
        let groups = std::mem::take(&mut self.tally.schedules);
        for (group, _) in groups.into_iter().filter(|(_, left)| *left != 0) {
            let text = "it says another number of schedules than there are".to_string();
            self.find("count-differs", &schedule_group_key(&group), text);
        }
        if self.tally.deliveries > 0 && !self.is_there(&counters_key()) {
            let text = "it is missing, and there are deliveries".to_string();
            self.find("count-differs", &counters_key(), text);
        }
        for (policy, roles) in std::mem::take(&mut self.tally.attachments) {
            let key = policy_key(&policy);
            if !self.is_there(&key) {
                let text = format!("it is missing, and {roles} roles have it");
                self.find("policy-missing", &key, text);
            }
        }
        self.check_numbers();
    }

    fn check_numbers(&mut self) {
        let key = meta_key();
        let next = match self.value_of(&key) {
            Found::Unreadable => return,
            Found::Missing => 1,
            Found::Is(value) => match self.read::<Meta>(&key, &value) {
                Some(meta) => meta.next_execution,
                None => return,
            },
        };
        let given = self.number_max;
        if next <= given {
            let text = format!("the next number is {next}, and {given} has been given out");
            self.find("number-reused", &key, text);
        }
    }
}

fn kind_of(is_express: bool) -> MachineKind {
    if is_express {
        MachineKind::Express
    } else {
        MachineKind::Standard
    }
}

fn number_in(key: &[u8]) -> u64 {
    index::first_number(key).unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
