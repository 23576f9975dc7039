"""Mutation testing of the pure rules: does a test fail when a rule is changed?"""
