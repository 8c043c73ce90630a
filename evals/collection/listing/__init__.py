"""What models a server has: by wire format (`openai`, `anthropic`, `gemini`, `ollama`), and which servers this machine
runs (`local`). Nothing here touches the database; everything a server says is hostile."""
