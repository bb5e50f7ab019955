//! ECS as far as tasks go: it starts them (once per client token), lists, describes and stops them, and loses answers
//! when it is told to.

use serde_json::{Value, json};

/// A task as ECS knows it.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) arn: String,
    pub(crate) started_by: String,
    pub(crate) token: String,
    /// What ECS says of its end; null while it runs.
    pub(crate) end: Value,
}

/// How RunTask goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RunFault {
    /// No task, and no answer.
    Broken,
    /// The task starts, and the answer is lost.
    LostAnswer,
    /// HTTP 200 with a failure inside.
    Failure(&'static str),
}

#[derive(Default)]
pub(crate) struct Ecs {
    pub(crate) tasks: Vec<Task>,
    /// The bodies of all RunTask calls.
    pub(crate) starts: Vec<Value>,
    pub(crate) stopped: Vec<String>,
    /// Until it is taken back: the SDK tries a broken call three times.
    pub(crate) fault: Option<RunFault>,
}

impl Ecs {
    /// A task that runs already.
    pub(crate) fn put(&mut self, arn: &str, started_by: &str) {
        self.tasks.push(Task { arn: arn.into(), started_by: started_by.into(), token: arn.into(), end: Value::Null });
    }

    /// The task has ended; ECS describes it so.
    pub(crate) fn end(&mut self, arn: &str, stop_code: &str, exit_code: Option<i64>) {
        let task = self.tasks.iter_mut().find(|task| task.arn == arn).unwrap();
        task.end = json!({ "stopCode": stop_code, "containers": [{ "name": "supervisor", "exitCode": exit_code }] });
    }

    pub(crate) fn answer(&mut self, operation: &str, body: &Value) -> (u16, Value) {
        match operation {
            "RunTask" => self.run(body),
            "ListTasks" => {
                let wanted = |task: &&Task| task.end.is_null() && body["startedBy"].as_str().is_none_or(|by| by == task.started_by);
                (200, json!({ "taskArns": self.tasks.iter().filter(wanted).map(|task| &task.arn).collect::<Vec<_>>() }))
            }
            "DescribeTasks" => {
                let named = |task: &&Task| body["tasks"].as_array().unwrap().contains(&json!(task.arn));
                (200, json!({ "tasks": self.tasks.iter().filter(named).map(describe).collect::<Vec<_>>(), "failures": [] }))
            }
            "StopTask" => {
                self.stopped.push(body["task"].as_str().unwrap().to_owned());
                (200, json!({}))
            }
            other => panic!("nobody has any business with {other}"),
        }
    }

    fn run(&mut self, body: &Value) -> (u16, Value) {
        self.starts.push(body.clone());
        let lost = (500, json!({ "__type": "ServerException", "message": "broken" }));
        match self.fault {
            Some(RunFault::Broken) => return lost,
            Some(RunFault::Failure(reason)) => return (200, json!({ "tasks": [], "failures": [{ "arn": "x", "reason": reason }] })),
            Some(RunFault::LostAnswer) | None => {}
        }
        let token = body["clientToken"].as_str().unwrap();
        if !self.tasks.iter().any(|task| task.token == token) {
            let arn = format!("arn:aws:ecs:us-east-1:1:task/patchbay/{}", self.tasks.len() + 1);
            let started_by = body["startedBy"].as_str().unwrap().to_owned();
            self.tasks.push(Task { arn, started_by, token: token.to_owned(), end: Value::Null });
        }
        let task = self.tasks.iter().find(|task| task.token == token).unwrap();
        if self.fault.is_some() { lost } else { (200, json!({ "tasks": [describe(task)], "failures": [] })) }
    }
}

fn describe(task: &Task) -> Value {
    let status = if task.end.is_null() { "RUNNING" } else { "STOPPED" };
    let mut described = json!({ "taskArn": task.arn, "startedBy": task.started_by, "lastStatus": status });
    for (name, value) in task.end.as_object().into_iter().flatten() {
        described[name] = value.clone();
    }
    described
}
