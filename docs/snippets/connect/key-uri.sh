export AIRFLOW_CONN_COS_DEFAULT='cos://AKIDexample:the-key-that-belongs-to-it@?region=ap-guangzhou'
