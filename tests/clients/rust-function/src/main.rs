//! Greets by name; fails for an empty name, and panics when told to.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(greet)).await
}

async fn greet(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let name = event.payload["name"].as_str().unwrap_or("");
    match name {
        "" => Err("the name is empty".into()),
        "panic" => panic!("told to"),
        name => Ok(json!({
            "message": format!("Hello, {name}"),
            "function": event.context.env_config.function_name,
        })),
    }
}
