"""One door to models: complete, stream, embed, and the tool loop, with a ledger of every call.

Charter. The provider is picked from the keys that are present (`llm.providers`); LiteLLM speaks its dialect
behind `llm.door`, which alone knows LiteLLM, retries, deadlines and fallbacks. `llm.local` lets code of ours
answer through that same door, `llm.embedding` turns text into vectors in this process, `llm.tools` holds what
a model may call and checks its arguments, `llm.loop` lets a model call tools and persists nothing.
This app knows messages and tools as data, and nothing of tickets or conversations.
"""
