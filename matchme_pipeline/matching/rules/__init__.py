"""The rules of matching: who may meet whom and how well two members suit each other; pure."""
