"""The whole AWS path on one machine: an emulator, and what API Gateway, Lambda's poller and
EventBridge do around the handlers.
"""
