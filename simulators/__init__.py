"""Development tools: servers that answer as a CloudStack and a VMware agent were observed to answer.

They exist for the demo and the tests. Their credentials are public and their state lives in memory:
never point production at them. They import nothing else of this project, so that a client and its
simulator cannot share a mistake.
"""
