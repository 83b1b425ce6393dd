"""The server behind the page that trains; only the command that starts it imports this.

A server of Starlette and uvicorn runs in a thread (`serving`), behind a guard that refuses what is not from its own
page (`guard`). Pages are visitors (`visitors`), whose messages are checked (`messages`) and then wait for the main
thread, which does what they ask.
"""
