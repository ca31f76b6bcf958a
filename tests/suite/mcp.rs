//! `mcp`: the tools drive the same work as the commands, and errors say what helps.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout};

use serde_json::{Value, json};

use crate::common::{PROGRAM, TestEnv};

/// A client, as agent programs have it.
struct Client {
    server: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    id: u64,
    /// Notifications that came on the way.
    heard: Vec<Value>,
}

impl Client {
    fn new(env: &TestEnv, session: &str) -> Self {
        let run = env.command(PROGRAM, &env.root).session(session).args(["mcp"]);
        let mut server = run.spawn_with_pipe();
        let (to, from) = (server.stdin.take(), BufReader::new(server.stdout.take().unwrap()));
        Client { server, to, from, id: 0, heard: Vec::new() }
    }

    fn send(&mut self, line: &str) {
        writeln!(self.to.as_mut().unwrap(), "{line}").unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("not a message ({e}): {line:?}"))
    }

    fn request(&mut self, method: &str, params: Value) -> Value {
        self.id += 1;
        let message = json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params});
        self.send(&message.to_string());
        loop {
            let answer = self.receive();
            if answer.get("id").is_some() {
                assert_eq!(answer["id"], self.id);
                return answer;
            }
            self.heard.push(answer);
        }
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let token = format!("t{}", self.id);
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": token}});
        self.request("tools/call", params)["result"].clone()
    }

    #[track_caller]
    fn ok(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], false, "{result}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"]);
        if let Some(schema) = self.schema(tool) {
            conforms(&text, &schema, &schema, tool);
        }
        text
    }

    /// The schema of a tool's answers.
    fn schema(&mut self, tool: &str) -> Option<Value> {
        let tools = self.request("tools/list", json!({}))["result"]["tools"].clone();
        let found = tools.as_array().unwrap().iter().find(|t| t["name"] == tool).unwrap().clone();
        found.get("outputSchema").cloned()
    }

    #[track_caller]
    fn fails(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], true, "{result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The end of its input is the end of the server.
        self.to = None;
        let _ = self.server.wait();
    }
}

/// Clients refuse an answer that is not as its schema says.
fn conforms(value: &Value, schema: &Value, root: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        return conforms(value, root.pointer(&name[1..]).unwrap(), root, at);
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(key.as_str().unwrap()).is_some(), "{at}: {key} is missing in {value}");
    }
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(key) {
            conforms(value, inner, root, &format!("{at}.{key}"));
        }
    }
    if let Some(items) = schema.get("items") {
        value.as_array().unwrap().iter().for_each(|value| conforms(value, items, root, at));
    }
    if let Some(kind) = schema["type"].as_str() {
        let fits = match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            _ => value.is_number(),
        };
        assert!(fits, "{at}: {value} is not {kind}");
    }
}

#[test]
fn work_is_taken_and_finished_through_tools() {
    let env = TestEnv::new();
    env.sessions(&["ada", "bob"]);
    env.import("{\"id\":\"T1\",\"title\":\"one\",\"files\":[\"a\"]}\n{\"id\":\"T2\",\"title\":\"two\",\"files\":[\"b\"]}\n").ok();
    let mut client = Client::new(&env, "ada");
    let begun = client.request("initialize", json!({"protocolVersion": "2025-06-18", "capabilities": {}}));
    assert_eq!(begun["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(begun["result"]["serverInfo"]["name"], "git-coord");
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());

    assert_eq!(client.ok("next", json!({}))["items"][0]["id"], "T1");
    assert_eq!(
        client.ok("claim", json!({"paths": ["c", "-odd"], "reason": "x"}))["claims"][1]["path"],
        "-odd"
    );
    assert_eq!(client.ok("check", json!({"paths": ["a", "c"]}))["checked"], 2);
    assert!(client.fails("check", json!({"paths": ["d"]})).contains("Next: claim what is free"));
    assert_eq!(client.ok("done", json!({"items": ["T1"]}))["items"][0]["state"], "done");
    assert_eq!(client.ok("next", json!({"count": 1}))["items"][0]["id"], "T2");
    assert_eq!(client.ok("give_back", json!({"items": ["T2"], "reason": "hard"}))["items"][0]["id"], "T2");
    assert_eq!(client.ok("release", json!({}))["released"].as_array().unwrap().len(), 2);

    env.coord_as("bob", &["claim", "c"]).ok();
    let held = client.fails("claim", json!({"paths": ["c"]}));
    assert!(held.contains("held by bob") && held.contains("Next: "), "{held}");
    let waited = client.fails("claim", json!({"paths": ["c"], "wait": "2s"}));
    assert!(waited.contains("held by bob"));
    assert_eq!(
        client.heard[0]["method"], "notifications/progress",
        "a long wait is heard of: {:?}",
        client.heard
    );
    client.ok("tell", json!({"session": "bob", "text": "I need c"}));
    assert_eq!(env.coord_as("bob", &["claims"]).json["messages"][0]["text"], "I need c");
    env.coord_as("bob", &["tell", "ada", "soon"]).ok();
    let result = client.call("status", json!({}));
    assert!(result["content"].as_array().unwrap().iter().any(|c| c["text"] == "bob says: soon"), "{result}");
    env.check("after all calls");
}

#[test]
fn the_tools_are_few_and_their_schemas_small() {
    let env = TestEnv::new();
    let mut client = Client::new(&env, "nobody");
    // Without `initialize`, as the protocol has it since 2026-07-28.
    let found = client.request("server/discover", json!({}))["result"].clone();
    assert!(found["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")), "{found}");
    let tools = client.request("tools/list", json!({}))["result"]["tools"].clone();
    let tools = tools.as_array().unwrap();
    assert_eq!(tools.len(), 8);
    for tool in tools {
        let input = &tool["inputSchema"];
        assert_eq!(input["type"], "object", "{tool}");
        assert_eq!(input["additionalProperties"], false, "{tool}");
        let shown = json!({"name": tool["name"], "description": tool["description"], "inputSchema": input});
        assert!(shown.to_string().len() < 700, "{} bytes: {shown}", shown.to_string().len());
    }
    let error = |answer: Value| answer["error"]["code"].as_i64().unwrap();
    assert_eq!(error(client.request("resources/list", json!({}))), -32601);
    assert_eq!(error(client.request("tools/call", json!({"name": "none"}))), -32602);
    client.send("not json");
    assert_eq!(error(client.receive()), -32700);
    assert!(client.fails("claim", json!({"path": "a"})).contains("path"));
    let text = client.fails("claim", json!({"paths": ["a"]}));
    assert!(text.contains("nobody") && text.contains("Next: "), "{text}");
    assert_eq!(client.request("ping", json!({}))["result"]["resultType"], "complete");
}
