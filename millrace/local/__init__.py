"""The local stack: the pipeline's AWS path on one machine.

An emulator provides the services. This package does the work of API Gateway, Lambda's poller and EventBridge.
"""
