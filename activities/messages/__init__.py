"""What goes into each activity and what comes back: the only thing workflows and activities share.

None of it carries a secret: credentials are read inside the activity that uses them.
"""
