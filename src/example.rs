#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut credential = claviger::credential().await?;
    loop {
        let mut request = reqwest::Client::new().get(format!("{}/v1/models", credential.base_url));
        for (name, value) in credential.headers()? {
            request = request.header(name, value);
        }
        let status = request.send().await?.status().as_u16();
        println!("{status} with generation {} of {}", credential.generation, credential.source);
        if status != 401 {
            return Ok(());
        }
        credential.report(status).await?; // one refresh, however many sessions report it
        credential.changed().await?; // waits for what replaces it
    }
}
