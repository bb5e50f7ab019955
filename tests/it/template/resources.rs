//! Rules about everything that is neither a queue, a role nor an alarm: folders, tables, logs, the agent's task, the
//! bucket and the two doors.

use super::document::{Template, each, list, referred, root};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// functions/ and the template name the same things: a function each, agent-task the two containers.
pub(super) fn folders(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    let entries = std::fs::read_dir(root().join("functions")).expect("functions/ is there");
    let folders: BTreeSet<String> = entries.map(|e| e.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    let mut named = Vec::new();
    for (function, properties) in template.functions() {
        let folder = properties["CodeUri"].as_str().and_then(|u| u.strip_prefix("functions/")).unwrap_or_default();
        let build = template.at(&format!("/Resources/{function}/Metadata"));
        if build["BuildMethod"] != "rust-cargolambda" || build["BuildProperties"]["Binary"] != folder {
            breaches.push(format!("{function} does not build the binary {folder}"));
        }
        if properties["FunctionName"]["Fn::Sub"] != format!("${{AWS::StackName}}-{folder}") {
            breaches.push(format!("{function} is not named after {folder}"));
        }
        named.push(folder.to_owned());
    }
    let tasks = template.of_type("AWS::ECS::TaskDefinition");
    let commands = |task: &Value| list(&task["ContainerDefinitions"]).map(|c| c["Command"].clone()).collect::<Vec<_>>();
    if tasks.iter().all(|(_, task)| commands(task) == [json!(["agent-task", "supervise"]), json!(["agent-task", "work"])]) {
        named.push("agent-task".to_owned());
    }
    if named.iter().collect::<BTreeSet<_>>() != folders.iter().collect() || named.len() != folders.len() {
        breaches.push(format!("functions/ holds {folders:?}, the template {named:?}"));
    }
    breaches
}

/// Point-in-time recovery, expiry, on demand, encrypted, kept when the stack goes.
pub(super) fn tables(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    let tables = template.of_type("AWS::DynamoDB::Table");
    for (table, properties) in &tables {
        let mut must = |holds: bool, what: &str| {
            if !holds {
                breaches.push(format!("{table}: {what}"));
            }
        };
        must(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true, "no point-in-time recovery");
        must(properties["TimeToLiveSpecification"] == json!({"AttributeName": "ttl", "Enabled": true}), "nothing expires");
        must(properties["BillingMode"] == "PAY_PER_REQUEST", "not on demand");
        must(properties["SSESpecification"]["SSEEnabled"] == true, "not encrypted with a key of the account");
        must(properties["TableName"].is_null(), "named: it could not be made again beside the retained one");
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            must(template.at(&format!("/Resources/{table}/{policy}")) == "Retain", policy);
        }
    }
    if tables.len() != 5 {
        breaches.push(format!("{} tables", tables.len()));
    }
    breaches
}

/// Each function and the agent's task writes into a group of the template, under the function's name, with retention.
pub(super) fn log_groups(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    for (function, properties) in template.functions() {
        let name = properties["FunctionName"]["Fn::Sub"].as_str().unwrap_or_default();
        let group = template.property(&format!("{function}Logs"), "LogGroupName");
        if group["Fn::Sub"] != format!("/aws/lambda/{name}")
            || properties["LoggingConfig"]["LogGroup"] != json!({"Ref": format!("{function}Logs")})
        {
            breaches.push(format!("{function} does not log into {function}Logs"));
        }
    }
    let groups = template.of_type("AWS::Logs::LogGroup");
    breaches.extend(groups.iter().filter(|(_, p)| p["RetentionInDays"].is_null()).map(|(g, _)| format!("{g} keeps for ever")));
    if template.at("/Globals/Function/LoggingConfig/LogFormat") != "JSON" {
        breaches.push("functions do not log JSON".into());
    }
    breaches
}

/// R22, R28: no role, no shared processes, nothing of the supervisor's reachable from the agent.
pub(super) fn agent_task(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            breaches.push(what.to_owned());
        }
    };
    let task = template.at("/Resources/AgentTaskDefinition/Properties");
    must(task["TaskRoleArn"].is_null(), "the task has a role, whose credentials both containers could fetch");
    must(task["PidMode"].is_null() && task["IpcMode"].is_null(), "the containers share processes or memory");
    let containers: Vec<&Value> = list(&task["ContainerDefinitions"]).collect();
    let [supervisor, agent] = containers[..] else { return vec!["not two containers".into()] };
    must(supervisor["Name"] == "supervisor" && supervisor["Essential"] == true, "the first container is not the essential supervisor");
    must(agent["Name"] == "agent" && agent["Essential"] == false, "the agent's end would end the supervisor");
    must(agent["Memory"].is_object(), "the agent's memory has no limit of its own");
    must(supervisor["StopTimeout"].as_u64() >= Some(30), "the supervisor has no time to flush");
    must(user(supervisor) != user(agent), "both containers are the same user");
    for container in [supervisor, agent] {
        must(user(container).is_some_and(|u| u >= 10_000), "a container is root or a system user");
        must(container["ReadonlyRootFilesystem"] == true, "a root file system is writable");
        must(container["LinuxParameters"]["Capabilities"]["Drop"] == json!(["ALL"]), "a container keeps Linux capabilities");
    }
    let volumes = |c: &Value| list(&c["MountPoints"]).map(|m| m["SourceVolume"].clone()).collect::<Vec<_>>();
    let shared: Vec<Value> = volumes(supervisor).into_iter().filter(|v| volumes(agent).contains(v)).collect();
    must(shared == [json!("work")], "the containers share more or less than the work volume");
    must(volumes(supervisor).contains(&json!("private")), "the supervisor has no private volume");
    must(list(&agent["Environment"]).all(|v| v["Name"] != "PATCHBAY_PRIVATE_DIR"), "the agent knows the private folder");
    breaches
}

/// A task with another image has nothing else of its own, and the supervisor's image is the deployment's in all of them.
pub(super) fn agent_images(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    let without_its_own = |task: &Value| {
        let mut task = task.clone();
        task["Family"] = Value::Null;
        task["ContainerDefinitions"][1]["Image"] = Value::Null;
        task
    };
    let plain = template.at("/Resources/AgentTaskDefinition/Properties");
    let tasks = template.of_type("AWS::ECS::TaskDefinition");
    for (task, properties) in &tasks {
        if without_its_own(properties) != without_its_own(plain) {
            breaches.push(format!("{task} is another task than AgentTaskDefinition"));
        }
    }
    for number in 1..tasks.len() {
        let (task, parameter) = (format!("Agent{number}TaskDefinition"), json!({"Ref": format!("AgentImage{number}")}));
        let family = format!("${{AWS::StackName}}-agent-task-{number}");
        let image = json!({"Fn::Select": [1, {"Fn::Split": ["=", parameter]}]});
        let has = format!("HasAgentImage{number}");
        if template.property(&task, "Family")["Fn::Sub"] != family
            || template.property(&task, "ContainerDefinitions/1/Image") != &image
            || template.at(&format!("/Resources/{task}/Condition")) != &json!(has)
        {
            breaches.push(format!("{task} is not what AgentImage{number} names"));
        }
        let name = json!({"Fn::Select": [0, {"Fn::Split": ["=", parameter]}]});
        let chosen = json!({"Fn::If": [has, {"Fn::Join": ["=", [name, {"Ref": task}]]}, {"Ref": "AWS::NoValue"}]});
        if !list(&template.property("RunLauncher", "Environment/Variables/ECS_IMAGES")["Fn::Join"][1]).any(|entry| entry == &chosen) {
            breaches.push(format!("run-launcher does not know {task}"));
        }
    }
    breaches
}

fn user(container: &Value) -> Option<u32> {
    container["User"].as_str()?.split(':').next()?.parse().ok()
}

/// KMS, no public access, payloads for 7 days, results for 14.
pub(super) fn bucket(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    let bucket = template.at("/Resources/Bucket/Properties");
    let default = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"];
    if default != &json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": "Key.Arn"}}) {
        breaches.push("not encrypted with the stack's key".to_owned());
    }
    let access = each(&bucket["PublicAccessBlockConfiguration"]);
    if access.filter(|v| **v == json!(true)).count() != 4 {
        breaches.push("public access is not blocked in all four ways".to_owned());
    }
    for (prefix, days) in [("deliveries/", 7), ("results/", 14)] {
        let rules = list(&bucket["LifecycleConfiguration"]["Rules"]);
        if !rules.into_iter().any(|r| r["Prefix"] == prefix && r["ExpirationInDays"] == days && r["Status"] == "Enabled") {
            breaches.push(format!("{prefix} is not gone after {days} days"));
        }
    }
    breaches
}

/// Every function is published under the alias that CodeDeploy shifts, its own errors bring the old version back, and a
/// parameter's new value makes a new version: the configuration holds every one that a function's properties refer to.
pub(super) fn deployment(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    let globals = template.at("/Globals/Function");
    let preference = json!({"Type": {"Ref": "Deployment"}, "Role": {"Fn::GetAtt": "DeploymentRole.Arn"}});
    if globals["AutoPublishAlias"] != "live" || globals["DeploymentPreference"] != preference {
        breaches.push("functions are not published and shifted as the parameter Deployment says".to_owned());
    }
    let numbered = json!({"Fn::Sub": "configuration ${Configuration}"});
    let listed: BTreeSet<String> = referred(template.property("Configuration", "Content")).into_iter().collect();
    let mut told: BTreeSet<String> = referred(globals).into_iter().collect();
    for (function, properties) in template.functions() {
        let alarms = &properties["DeploymentPreference"]["Alarms"]["Fn::If"];
        let watched = referred(&alarms[1]);
        if alarms[0] != "DeployGradually" || alarms[2] != json!([]) || !watched.contains(&format!("{function}ErrorsAlarm")) {
            breaches.push(format!("{function}'s deployment does not watch {function}ErrorsAlarm"));
        }
        let unknown = watched.iter().filter(|alarm| template.at(&format!("/Resources/{alarm}/Type")) != "AWS::CloudWatch::Alarm");
        breaches.extend(unknown.map(|alarm| format!("{function}'s deployment watches {alarm}, which is no alarm")));
        // Both: Lambda publishes no version of a function that has not changed.
        if properties["Description"] != numbered || properties["VersionDescription"] != numbered {
            breaches.push(format!("{function} makes no new version when a parameter changes"));
        }
        told.extend(referred(&properties["Environment"]));
    }
    let parameters = template.at("/Parameters").as_object().expect("a template has parameters");
    let parameters = parameters.keys().filter(|name| told.contains(*name) && *name != "Deployment");
    breaches
        .extend(parameters.filter(|name| !listed.contains(*name)).map(|name| format!("a new value of {name} makes no new configuration")));
    breaches
}

/// task-gateway streams for 15 minutes; the API throttles as a whole, never by route or address (R10).
pub(super) fn doors(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    if template.property("TaskGateway", "FunctionUrlConfig") != &json!({"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}) {
        breaches.push("task-gateway's URL is not a public streaming one".to_owned());
    }
    if template.timeout("TaskGateway") != 900 {
        breaches.push("task-gateway cannot stream for 15 minutes".to_owned());
    }
    if template.property("HttpApi", "DefaultRouteSettings/ThrottlingRateLimit").is_null()
        || !template.property("HttpApi", "RouteSettings").is_null()
    {
        breaches.push("webhooks are not throttled by the stage alone".to_owned());
    }
    let events = template.functions().into_iter().flat_map(|(f, p)| each(&p["Events"]).map(move |e| (f, e)));
    let routes: BTreeSet<_> = events
        .filter(|(_, e)| e["Type"] == "HttpApi")
        .map(|(f, e)| format!("{} {} → {f}", e["Properties"]["Method"], e["Properties"]["Path"]).replace('"', ""))
        .collect();
    let expected = [
        "GET /health → WebhookIntake",
        "POST /callbacks/{workspace}/{run}/{step}/{token} → StepCallback",
        "POST /webhooks/github → WebhookIntake",
    ];
    if routes != expected.map(str::to_owned).into() {
        breaches.push(format!("the API routes {routes:?}"));
    }
    breaches
}
