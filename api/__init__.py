"""The outermost room: HTTP requests and command lines in, calls of the other rooms out.

Nothing here is for other rooms. `api.http:create_app` is the ASGI application, `api.cli` the
command.
"""
