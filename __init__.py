"""cnnc"""
